//! Projects through time: the catalogue of spans, and the questions asked of it.

pub mod adopt;
mod browse;
pub mod catalogue;
mod changes;
pub mod ends;
mod flights;
pub mod gaps;
mod history;
pub mod holds;
pub mod imports;
pub mod listing;
pub mod live;
pub mod queries;
pub mod replay;
mod scope;
mod search;
mod settings;
mod spans;
mod timeline;

pub use browse::{artifact, browse};
pub use changes::changes;
use ends::ends;
pub use history::tag_history;
pub use listing::list;
pub use live::compare_live;
pub use scope::{Place, Repository};
pub use search::search;
pub use settings::settings;
pub use timeline::{back_up, timeline};
