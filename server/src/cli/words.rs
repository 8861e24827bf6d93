//! What verbs print: tables, lines and sentences, with nothing in them that moves a terminal.

use std::io::IsTerminal as _;

use unicode_width::UnicodeWidthStr as _;

/// Between two columns.
const GAP: usize = 2;

/// Rows under heads. A terminal gets columns that stand in line under their heads; whatever else reads gets tabs, and no heads.
pub struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub const fn new(heads: &'static [&'static str]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    /// One more row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// Prints it.
    pub fn print(self) {
        print!("{}", self.text(std::io::stdout().is_terminal()));
    }

    fn text(&self, aligned: bool) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| head.to_uppercase()).collect();
        let lines = aligned.then_some(&heads).filter(|_| !self.rows.is_empty()).into_iter().chain(&self.rows);
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|column| lines.clone().filter_map(|cells| cells.get(column)).map(|cell| cell.width()).max().unwrap_or_default())
            .collect();
        let mut text = String::new();
        for cells in lines {
            for (place, cell) in cells.iter().enumerate() {
                text.push_str(cell);
                match (place + 1 == cells.len(), aligned) {
                    (true, _) => text.push('\n'),
                    (false, true) => text.extend(std::iter::repeat_n(' ', widths[place] + GAP - cell.width())),
                    (false, false) => text.push('\t'),
                }
            }
        }
        text
    }
}

/// A line, or some.
pub fn line(text: impl std::fmt::Display) {
    println!("{}", shown(&text.to_string()));
}

/// A text of some lines as it may be shown.
pub fn shown(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A text without control characters and what turns the order of others round: a reason, a name or a message may be anybody's, and a terminal obeys.
fn plain(text: &str) -> String {
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if obeyed(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line_on_a_terminal_and_are_tabs_elsewhere() {
        let mut table = Table::new(&["name", "state"]);
        table.row(["everything".to_owned(), "good".to_owned()]);
        table.row(["夜".to_owned(), "paused".to_owned()]);
        assert_eq!(table.text(true), "NAME        STATE\neverything  good\n夜          paused\n");
        assert_eq!(table.text(false), "everything\tgood\n夜\tpaused\n");
        assert_eq!(Table::new(&["name"]).text(true), "");
    }

    #[test]
    fn nothing_that_is_printed_moves_a_terminal_or_makes_a_row_two() {
        let mut table = Table::new(&["reason", "by"]);
        table.row(["\u{1b}]0;owned\u{7}\u{1b}[2Jit\twas\nme".to_owned(), "\u{202e}nimda".to_owned()]);
        let text = table.text(false);
        assert_eq!(text.matches(['\t', '\n']).count(), 2, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}
