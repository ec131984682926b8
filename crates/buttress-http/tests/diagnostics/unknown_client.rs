//! A client of which no feature is switched on: the message names the feature, for each of the three traits.

struct Request;
struct Response;

fn fits<R: buttress_http::FromHttp, A: buttress_http::ResponseHead, B: buttress_http::IntoHttp>() {}

fn main() {
    fits::<Request, Response, Response>();
}
