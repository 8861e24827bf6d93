//! The program `breakwater`: parse, run one verb, map its outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
