//! Secrets that somebody gives to a verb.

use std::io::IsTerminal as _;
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::CliError;

/// One line of standard input, for secrets: never from the command line, where others can read it. A terminal does not show it.
pub fn secret_from_stdin(what: &str) -> Result<String, CliError> {
    let stdin = std::io::stdin();
    let unseen = stdin.is_terminal().then(|| {
        eprint!("{what}: ");
        Unseen::begin(&stdin)
    });
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|e| CliError::Usage(format!("cannot read {what} from standard input: {e}")))?;
    drop(unseen);
    let secret = line.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() { Err(CliError::Usage(format!("give {what} on standard input"))) } else { Ok(secret) }
}

/// A terminal that does not show what is typed, but the end of the line; it is as before when this is dropped.
struct Unseen<'a, T: AsFd> {
    terminal: &'a T,
    before: Option<Termios>,
}

impl<'a, T: AsFd> Unseen<'a, T> {
    /// Where the terminal knows no such thing, it stays as it is.
    fn begin(terminal: &'a T) -> Self {
        let before = tcgetattr(terminal).ok();
        if let Some(before) = &before {
            let mut unseen = before.clone();
            unseen.local_modes.remove(LocalModes::ECHO);
            unseen.local_modes.insert(LocalModes::ECHONL);
            let _ = tcsetattr(terminal, OptionalActions::Flush, &unseen);
        }
        Self { terminal, before }
    }
}

impl<T: AsFd> Drop for Unseen<'_, T> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(self.terminal, OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_does_not_show_a_secret_and_shows_what_comes_after_it() {
        let terminal = std::fs::File::options().read(true).write(true).open("/dev/ptmx").unwrap();
        let shows = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO);
        assert!(shows());
        let unseen = Unseen::begin(&terminal);
        assert!(!shows());
        drop(unseen);
        assert!(shows());
    }
}
