//! Lines as a file: CSV that no spreadsheet takes for a formula, and JSON.

use app::restores::types::{EffectKind, Line};

use crate::error::Error;

/// Heads of the columns.
const COLUMNS: [&str; 16] = [
    "place",
    "repository",
    "reference",
    "effect",
    "now",
    "then",
    "detail",
    "accessory",
    "subject",
    "result",
    "code",
    "result_detail",
    "previous",
    "bytes_sent",
    "at",
    "digest",
];

/// Lines as CSV (RFC 4180), every field quoted.
#[must_use]
pub fn csv(lines: &[Line]) -> String {
    let mut text = String::new();
    row(&mut text, &COLUMNS.map(str::to_owned));
    for line in lines {
        let effect = &line.effect;
        let result = line.result.as_ref();
        let of = |pick: fn(&app::restores::types::ItemResult) -> String| result.map(pick).unwrap_or_default();
        row(
            &mut text,
            &[
                line.place.to_string(),
                effect.repository.clone(),
                effect.reference.clone(),
                effect_name(effect.effect).to_owned(),
                effect.now.clone().unwrap_or_default(),
                effect.then.clone(),
                effect.detail.as_ref().map(ToString::to_string).unwrap_or_default(),
                effect.accessory.as_ref().map(|of| of.kind.clone()).unwrap_or_default(),
                effect.accessory.as_ref().map(|of| of.subject.clone()).unwrap_or_default(),
                of(|r| r.outcome.clone()),
                of(|r| r.code.clone().unwrap_or_default()),
                of(|r| r.detail.as_ref().map(ToString::to_string).unwrap_or_default()),
                of(|r| r.previous.clone().unwrap_or_default()),
                of(|r| r.bytes_sent.to_string()),
                of(|r| r.at.map(app::units::Moment::url).unwrap_or_default()),
                of(|r| r.digest.clone()),
            ],
        );
    }
    text
}

/// Lines as JSON.
pub fn json(lines: &[Line]) -> Result<String, Error> {
    serde_json::to_string_pretty(lines).map_err(|e| Error::defect(e.to_string()))
}

const fn effect_name(effect: EffectKind) -> &'static str {
    match effect {
        EffectKind::Create => "create",
        EffectKind::Move => "move",
        EffectKind::Mend => "mend",
        EffectKind::Skip => "skip",
        EffectKind::Blocked => "blocked",
    }
}

fn row<const N: usize>(text: &mut String, fields: &[String; N]) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push('"');
        // What begins like a formula is a text: the apostrophe says so to every spreadsheet.
        if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
            text.push('\'');
        }
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use app::restores::types::{EffectItem, ItemResult};
    use app::sentence::Said;

    use super::*;

    #[test]
    fn no_field_is_a_formula_and_none_breaks_a_row() {
        let line = Line {
            place: 1,
            effect: EffectItem {
                repository: "shop/web".to_owned(),
                reference: "1.4".to_owned(),
                now: None,
                then: "sha256:aa".to_owned(),
                effect: EffectKind::Move,
                detail: Some(Said::Then("=HYPERLINK(\"http://evil\")".to_owned())),
                accessory: None,
            },
            result: Some(ItemResult {
                repository: "shop/web".to_owned(),
                reference: "1.4".to_owned(),
                digest: "sha256:aa".to_owned(),
                outcome: "failed".to_owned(),
                code: Some("@sum".to_owned()),
                detail: Some(Said::Then("two\r\nlines, \"quoted\"".to_owned())),
                previous: None,
                bytes_sent: 7,
                at: None,
            }),
        };
        let text = csv(&[line]);
        let body = text.split_once("\r\n").unwrap().1;
        assert_eq!(
            body,
            "\"1\",\"shop/web\",\"1.4\",\"move\",\"\",\"sha256:aa\",\"'=HYPERLINK(\"\"http://evil\"\")\",\"\",\"\",\"failed\",\"'@sum\",\
             \"two\r\nlines, \"\"quoted\"\"\",\"\",\"7\",\"\",\"sha256:aa\"\r\n"
        );
    }
}
