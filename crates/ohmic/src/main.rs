//! The command line of Ohmic: one file a command under `cmd/`, no logic of its own.
//!
//! Exit codes: 0 done, 1 some points of a sweep failed, 2 the request was wrong.

mod answer;
mod args;
mod cmd;
mod progress;
mod text;

use answer::{Answer, Format};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let format = arguments.format;
    match cmd::run(arguments) {
        Ok(answer) => print(&answer, format),
        Err(error) => {
            // a chain of causes, each once: some errors already quote their cause
            let mut message = error.to_string();
            for cause in error.chain().skip(1) {
                let cause = cause.to_string();
                if !message.contains(&cause) {
                    message.push_str(&format!(": {cause}"));
                }
            }
            if format == Format::Json {
                let _ = writeln!(std::io::stdout(), "{}", serde_json::json!({ "error": message }));
            }
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::from(2)
        }
    }
}

fn print(answer: &Answer, format: Format) -> ExitCode {
    let text = match format {
        Format::Text => answer.text.clone(),
        Format::Json => serde_json::to_string_pretty(&answer.json).unwrap_or_default(),
    };
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') { out.flush() } else { out.write_all(b"\n").and_then(|()| out.flush()) }
    });
    match written {
        Ok(()) => ExitCode::from(answer.code),
        // `ohmic list | head`: the reader has seen enough
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::from(answer.code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: cannot write the answer: {error}");
            ExitCode::from(2)
        }
    }
}
