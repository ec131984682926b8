//! axum's handlers.

use axum_core::response::{IntoResponse, Response};

use super::response::Problem;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.to_response()
    }
}
