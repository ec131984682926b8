//! The messages of the compiler for a client that is not supported.
//!
//! The test runs the compiler itself over the library that cargo has built for it: a harness that builds the library and all
//! its dependencies again takes minutes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

/// The libraries of this crate beside the test, one for each set of features, newest first.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let built = |path: &PathBuf| {
        fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let files =
        fs::read_dir(folder).expect("the folder of the test").map(|file| file.expect("an entry").path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("libbuttress_http-") && name.ends_with(".rlib")
    };
    let mut libraries: Vec<_> = files.filter(is_library).collect();
    libraries.sort_by_key(|path| std::cmp::Reverse(built(path)));
    libraries
}

/// Checks `file` and returns the messages of the compiler.
fn check(file: &str) -> String {
    let test = env::current_exe().expect("the path of the test");
    let folder = test.parent().expect("a folder");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics").join(file);
    for library in libraries(folder) {
        let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--color=never", "-o"])
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("diagnostics.rmeta"))
            .arg(format!("--extern=buttress_http={}", library.display()))
            .arg(format!("-Ldependency={}", folder.display()))
            .arg(&file)
            .output()
            .expect("a compiler");
        assert!(!output.status.success(), "it compiles");
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        // Another compiler has built that one.
        if !messages.contains("E0514") {
            return messages;
        }
    }
    panic!("cargo has built no library for {}", test.display());
}

#[test]
fn an_unknown_client_is_told_what_to_do() {
    let messages = check("unknown_client.rs");
    for expected in [
        "error[E0277]: an `http::Request` cannot be converted into `Request`, the request type of this client",
        "error[E0277]: Buttress cannot read status and headers of `Response`, the response type of this client",
        "error[E0277]: `Response`, the response type of this client, cannot be converted into an `http::Response`",
        "not a supported HTTP client",
        "not a supported HTTP response",
        "note: for `reqwest::Client` enable the feature `reqwest` of this crate or of `buttress`",
        "note: otherwise use a `tower::Service<http::Request<Body>>`, or implement `FromHttp` for `Request`",
        "note: otherwise let the client return an `http::Response`, or implement `ResponseHead` and `IntoHttp` for `Response`",
    ] {
        assert!(messages.contains(expected), "{expected}\n{messages}");
    }
}
