//! A layer over a service with a foreign error.

fn judged<E: buttress_error::Classified>() {}

fn main() {
    judged::<std::num::ParseIntError>();
}
