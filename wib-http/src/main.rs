//! `wib`: the server, and what its operator needs beside it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
