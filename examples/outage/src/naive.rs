//! The naive client, as it stands in many programs: a timeout, a loop, and the best of intentions.

use std::borrow::Cow;

use reqwest::{Method, Request, Response, Url};
use tower_service::Service;

use crate::bare::Bare;

const RETRIES: u32 = 3;

/// Tries four times without a pause. The error is for the table.
pub async fn send(mut http: Bare, url: Url) -> Result<Response, Cow<'static, str>> {
    let mut retries = 0;
    loop {
        let error = match http.call(Request::new(Method::GET, url.clone())).await {
            Ok(reply) if reply.status().is_success() => return Ok(reply),
            Ok(reply) => format!("status {}", reply.status().as_u16()).into(),
            Err(error) if error.is_timeout() => "timeout".into(),
            Err(error) if error.is_connect() => "connect".into(),
            Err(_) => "broken".into(),
        };
        if retries == RETRIES {
            return Err(error);
        }
        retries += 1;
    }
}
