//! A foreign error by `?`: the message names `.translate()` and the features.

fn port(text: &str) -> buttress_error::Result<u16> {
    Ok(text.parse::<u16>()?)
}

fn main() {}
