//! The end of a hold or of an acceptance, as people write it.

use app::error::ApiError;
use app::units::Moment;
use sqlx::PgConnection;
use time::format_description::well_known::Iso8601;
use time::{Date, Duration, OffsetDateTime, Time};

/// Reads a day, whose end in UTC is meant, or a moment; none for an empty text. What is over, or further away than `max`, is refused.
pub(crate) async fn ends(conn: &mut PgConnection, text: &str, max: Duration) -> Result<Option<OffsetDateTime>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let until = read(text).ok_or_else(|| ApiError::field("until", app::projects::refusals::Refusal::DayForm))?;
    let now: OffsetDateTime =
        sqlx::query_scalar("select now()").fetch_one(conn).await.map_err(crate::error::Error::from).map_err(|e| e.into_api(None))?;
    if until <= now {
        return Err(ApiError::field("until", app::projects::refusals::Refusal::DayOver));
    }
    if until > now + max {
        let days = max.whole_days();
        return Err(ApiError::field("until", app::projects::refusals::Refusal::DayFar { days }));
    }
    Ok(Some(until))
}

fn read(text: &str) -> Option<OffsetDateTime> {
    if text.len() == "2026-12-31".len() {
        let day = Date::parse(text, &Iso8601::DATE).ok()?;
        return Some(day.next_day()?.with_time(Time::MIDNIGHT).assume_utc());
    }
    Moment::parse(text).map(|moment| moment.0)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_day_ends_at_its_end_and_a_moment_is_itself() {
        assert_eq!(read("2026-12-31"), Some(datetime!(2027-01-01 00:00 UTC)));
        assert_eq!(read("2026-12-31T08:00:00Z"), Some(datetime!(2026-12-31 08:00 UTC)));
        for bad in ["31.12.2026", "2026-13-01", "9999-12-31", "soon", "2026-02-30"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
