//! What a shell and `man` want to know of the verbs: made from the verbs themselves.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::words::line;
use super::{Cli, CliError};

/// A shell.
#[derive(Args)]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

/// A folder.
#[derive(Args)]
pub struct Manual {
    /// Folder to write them into
    #[arg(long)]
    out: PathBuf,
}

/// `breakwater completions`.
pub fn completions(args: &Completions) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "breakwater", &mut text);
    print!("{}", String::from_utf8_lossy(&text));
    Ok(())
}

/// `breakwater man`.
pub fn manual(args: &Manual) -> Result<(), CliError> {
    let failed = |e: std::io::Error| CliError::Failed(format!("cannot write into {}: {e}", args.out.display()));
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.out).map_err(failed)?;
    line(format!("man -l {}", args.out.join("breakwater.1").display()));
    Ok(())
}
