//! See [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod check_list;
pub mod checks;
pub mod form_page;
pub mod harbor_page;
pub mod headings;
pub mod list_page;
pub mod logins;
pub mod refusals;
pub mod remove_page;
pub mod sentences;
pub mod settings;
pub mod staging;
pub mod types;

/// What a refused form about a harbor shows again: everything but secrets.
pub const KEPT: &[&str] = &[
    "name",
    "url",
    "read_login",
    "write_login",
    "admin_login",
    "ca_pem",
    "plain_http",
    "bandwidth",
    "bandwidth_zone",
    "staging",
    "staging_project",
    "staging_login",
];
