//! Requests from the form to their end, and what is shown of them: undo, every line, what changed, and when something is called done.

use std::sync::Arc;

use app::error::ErrorKind;
use app::restores::outcomes::{Lapse, NextMove};
use app::restores::sentences::{BlockReason, Note, Rule, Warning};
use app::restores::types::{CastVote, Draft, EffectKind, LineFilter, Request, RequestFilter, RequestState, RestoreForm, Submit};
use app::sentence::Said;
use app::units::Moment;
use engine::effect::{Effect, EffectItem, EffectPlan};
use harbor_sim::images;
use serde_json::json;
use sqlx::PgPool;
use time::OffsetDateTime;
use vocab::Digest;

use super::capture::Estate;
use super::world::{harbor, origin, person, plan, recorded, request, state};
use crate::access::Caller;
use crate::error::Error;
use crate::jobs::{JobContext, queries as jobs};
use crate::restores;

fn kind(error: Error) -> ErrorKind {
    error.into_api(None).kind
}

/// A project with a snapshot, and two people who may ask and decide.
struct Shop {
    estate: Estate,
    dev: Caller,
    lead: Caller,
}

impl Shop {
    async fn new(pool: PgPool) -> Self {
        let estate = Estate::new(pool, &["shop"]).await;
        estate.run().await;
        let dev = person(&estate.state, "dev", &[], "requester sim/shop").await;
        let lead = person(&estate.state, "lead", &[], "approver sim/shop").await;
        Self { estate, dev, lead }
    }

    async fn draft(&self, items: &str, on_conflict: &str) -> Draft {
        let form = RestoreForm {
            harbor: "sim".to_owned(),
            project: "shop".to_owned(),
            at: Moment(OffsetDateTime::now_utc()).url(),
            items: items.to_owned(),
            on_conflict: on_conflict.to_owned(),
            ..RestoreForm::default()
        };
        restores::preview(&self.estate.state, &self.dev, form).await.unwrap()
    }

    async fn send(&self, draft: &Draft) -> Request {
        let form = Submit {
            draft_id: draft.id.clone(),
            plan_hash: draft.plan.hash.clone(),
            category: "accident".to_owned(),
            reason: "it was pushed over by accident".to_owned(),
            ticket: String::new(),
        };
        restores::submit(&self.estate.state, &self.dev, &origin(), form).await.unwrap()
    }

    async fn approve(&self, request: &Request) {
        let vote = CastVote {
            request_id: request.id,
            plan_hash: request.plan.hash.clone(),
            version: request.version,
            decision: "approve".to_owned(),
            comment: "looked at it".to_owned(),
        };
        restores::cast(&self.estate.state, &self.lead, &origin(), vote).await.unwrap();
    }

    /// Runs the job that waits.
    async fn work(&self, request_id: i64) -> Request {
        let mut conn = self.estate.pool.acquire().await.unwrap();
        let claimed = jobs::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
        drop(conn);
        let context = Arc::new(JobContext::new(self.estate.state.clone(), &claimed));
        restores::restore_job(context, request_id).await.unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where job_id = $1")
            .bind(claimed.job_id)
            .execute(&self.estate.pool)
            .await
            .unwrap();
        restores::get(&self.estate.state, &self.dev, request_id).await.unwrap()
    }

    async fn carry(&self, draft: &Draft) -> Request {
        let request = self.send(draft).await;
        self.approve(&request).await;
        self.work(request.id).await
    }

    async fn push(&self, tag: &str, seed: &str) -> String {
        let image = images::simple(seed, &[100]);
        self.estate.sim.push_image("shop/web", tag, &image).await.unwrap();
        image.manifest.digest
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn undo_gives_back_what_was_recorded_and_not_what_a_snapshot_has(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    let captured = images::simple("shop-web", &[100]).manifest.digest;
    let over = shop.push("1", "never captured").await;
    let restored = shop.carry(&shop.draft("shop/web:1", "move").await).await;
    assert_eq!(restored.state, RequestState::Done);
    assert!(restored.may.iter().any(|may| may == "undo"), "{:?}", restored.may);

    let undo = restores::undo(&shop.estate.state, &shop.dev, restored.id).await.unwrap();
    let line = undo.plan.items.iter().find(|item| item.reference == "1").unwrap();
    assert_eq!((line.effect, line.then.as_str(), line.now.as_deref()), (EffectKind::Move, over.as_str(), Some(captured.as_str())));
    assert_eq!((undo.risk, undo.votes_needed, undo.form.undo_of), (3, 1, Some(restored.id)));
    assert_eq!(
        undo.plan.items.iter().filter(|item| item.detail == Some(Note::Stays.into())).count(),
        1,
        "the tag that keeps the other image"
    );
    let undone = shop.carry(&undo).await;
    assert_eq!(undone.state, RequestState::Done, "{:?}", undone.outcome_detail);
    assert_eq!(recorded(&pool, "restore.undo.submit").await, 1);

    let back = restores::undo(&shop.estate.state, &shop.dev, undone.id).await.unwrap();
    let line = back.plan.items.iter().find(|item| item.reference == "1").unwrap();
    assert_eq!((line.effect, line.then.as_str()), (EffectKind::Move, captured.as_str()), "the undo can be undone");
    let key: i64 =
        sqlx::query_scalar("select request_id from request where state = 'draft'").fetch_one(&shop.estate.state.pool).await.unwrap();
    assert_eq!(kind(restores::undo(&shop.estate.state, &shop.dev, key).await.unwrap_err()), ErrorKind::NotFound, "a draft is no restore");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_undo_whose_image_harbor_removed_meanwhile_asks_for_votes_again_and_says_what_changed(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    let over = shop.push("1", "never captured").await;
    let restored = shop.carry(&shop.draft("shop/web:1", "move").await).await;
    let undo = restores::undo(&shop.estate.state, &shop.dev, restored.id).await.unwrap();
    let sent = shop.send(&undo).await;
    shop.approve(&sent).await;
    shop.estate.client().await.delete_artifact(&"shop/web".parse().unwrap(), &over.parse::<Digest>().unwrap().into()).await.unwrap();
    let asked = shop.work(sent.id).await;
    assert_eq!(asked.state, RequestState::Reapproval);
    let change = asked.change.unwrap();
    assert_eq!(change.before_hash, sent.plan.hash);
    let line = change.lines.iter().find(|line| line.after.as_ref().is_some_and(|after| after.reference == "1")).unwrap();
    assert_eq!(line.before.as_ref().unwrap().effect, EffectKind::Move);
    assert_eq!(line.after.as_ref().unwrap().effect, EffectKind::Blocked);
    let why = line.after.as_ref().unwrap().detail.as_ref().unwrap();
    assert!(matches!(why, Said::Now(Note::Blocked { why: BlockReason::Gone { .. } })), "{line:?}");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_request_with_a_blocked_line_never_reads_done(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    shop.push("1", "pushed over").await;
    shop.estate.client().await.delete_repository(&"shop/api".parse().unwrap()).await.unwrap();
    shop.estate.sim.make_immutable("shop", "1");
    let draft = shop.draft("shop/web:1\nshop/api:1", "move").await;
    assert_eq!((draft.plan.blocked, draft.plan.effects.tags_created), (1, 1));
    assert!(draft.plan.sentence.ends_with("; 1 blocked"), "{}", draft.plan.sentence);
    let second = person(&shop.estate.state, "second", &[], "approver sim/shop").await;
    let sent = shop.send(&draft).await;
    // Immutable once it is there: class 4, two votes.
    assert_eq!(sent.votes_needed, 2);
    shop.approve(&sent).await;
    let vote = CastVote {
        request_id: sent.id,
        plan_hash: sent.plan.hash.clone(),
        version: restores::get(&shop.estate.state, &second, sent.id).await.unwrap().version,
        decision: "approve".to_owned(),
        comment: "me too".to_owned(),
    };
    restores::cast(&shop.estate.state, &second, &origin(), vote).await.unwrap();
    let ended = shop.work(sent.id).await;
    assert_eq!(ended.state, RequestState::Issues);
    let counts = ended.ended.unwrap();
    assert_eq!((counts.done, counts.blocked, counts.failed, counts.open), (1, 1, 0, 0));
    for text in [ended.next.to_string(), ended.outcome_detail.unwrap().to_string()] {
        assert!(!text.to_lowercase().contains("done"), "{text}");
    }
    let rows = restores::list(&shop.estate.state, &shop.dev, RequestFilter::default()).await.unwrap().items;
    assert_eq!((rows[0].state, rows[0].ended), (RequestState::Issues, Some(counts)));
    let lines = restores::list_lines(&shop.estate.state, &shop.lead, &sent.id.to_string(), LineFilter::default()).await.unwrap();
    assert_eq!((lines.counts.done, lines.counts.blocked, lines.counts.all), (1, 1, 2));
}

/// A plan of so many lines: every tenth is blocked, every tenth and one moves, of every tenth and two Harbor lost a part.
fn long(lines: usize) -> EffectPlan {
    let (value, _) = plan(false);
    let mut plan: EffectPlan = serde_json::from_value(value).unwrap();
    let first = plan.items.remove(0);
    for number in 0..lines {
        let repository = if number % 2 == 0 { "shop/web" } else { "shop/team/api" };
        let effect = match number % 10 {
            0 => serde_json::from_value(json!({ "kind": "blocked", "reason": { "code": "immutable" }, "remedy": "ask" })).unwrap(),
            1 => Effect::Move { keep_as: None },
            2 => Effect::Mend,
            _ => Effect::Create,
        };
        plan.items.push(EffectItem {
            repository: repository.parse().unwrap(),
            tag: Some(format!("v{number:04}").parse().unwrap()),
            then: Digest::of(number.to_string().as_bytes()),
            effect,
            ..first.clone()
        });
    }
    plan
}

async fn with_plan(pool: &PgPool, id: i64, plan: &EffectPlan) {
    sqlx::query("update request set plan = $2, plan_hash = $3 where request_id = $1")
        .bind(id)
        .bind(serde_json::to_value(plan).unwrap())
        .bind(plan.hash().as_bytes().as_slice())
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_line_is_reached_by_pages_and_filters_by_those_who_see_the_request(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let stranger = person(&state, "stranger", &[], "owner prod/other").await;
    let (id, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    with_plan(&pool, id, &long(250)).await;

    let shown = restores::get(&state, &lead, id).await.unwrap();
    assert_eq!((shown.plan.items.len(), shown.plan.items_total), (100, 250));
    assert_eq!(shown.plan.items_more.as_deref(), Some(format!("/api/v1/restores/{id}/lines?page=2").as_str()));
    let mut seen = Vec::new();
    for page in 1..=3 {
        let lines =
            restores::list_lines(&state, &lead, &id.to_string(), LineFilter { page: Some(page), ..LineFilter::default() }).await.unwrap();
        assert_eq!((lines.page, lines.pages, lines.total, lines.next.is_some()), (page, 3, 250, page < 3));
        seen.extend(lines.lines.into_iter().map(|line| (line.place, line.effect.reference)));
    }
    // The page of the request has the same without reading its plan.
    for (page, group) in [(None, None), (Some(1), Some("")), (Some(2), None), (None, Some("blocked"))] {
        let filter = LineFilter { page, group: group.map(str::to_owned), ..LineFilter::default() };
        let beside = restores::page(&state, &lead, id, filter.clone(), 1).await.unwrap();
        let lines =
            restores::list_lines(&state, &lead, &id.to_string(), LineFilter { group: filter.group.filter(|g| !g.is_empty()), ..filter })
                .await;
        assert_eq!(serde_json::to_value(beside.lines).unwrap(), serde_json::to_value(lines.unwrap()).unwrap(), "{page:?} {group:?}");
        assert_eq!(serde_json::to_value(beside.request).unwrap(), serde_json::to_value(&shown).unwrap());
    }
    assert_eq!(seen.len(), 250);
    assert!(seen.iter().enumerate().all(|(n, (place, name))| *place == i64::try_from(n).unwrap() + 1 && *name == format!("v{n:04}")));

    let ask = |group: &str, repository: &str, text: &str| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        LineFilter { group: some(group), repository: some(repository), text: some(text), page: None }
    };
    for (filter, total) in [
        (ask("blocked", "", ""), 25),
        (ask("move", "", ""), 25),
        (ask("mend", "", ""), 25),
        (ask("create", "shop/web", ""), 75),
        (ask("", "shop/team/api", ""), 125),
        (ask("", "", "V0249"), 1),
        (ask("blocked", "", "immutable"), 25),
        (ask("skip", "", ""), 0),
        (ask("", "shop", ""), 0),
    ] {
        let lines = restores::list_lines(&state, &lead, &id.to_string(), filter.clone()).await.unwrap();
        assert_eq!(lines.total, total, "{filter:?}");
        let counts = lines.counts;
        assert_eq!((counts.all, counts.blocked, counts.moved, counts.mend, counts.create), (250, 25, 25, 25, 175));
        assert_eq!(restores::all_lines(&state, &lead, &id.to_string(), filter).await.unwrap().len(), usize::try_from(total).unwrap());
    }
    assert_eq!(kind(restores::list_lines(&state, &lead, &id.to_string(), ask("all of it", "", "")).await.unwrap_err()), ErrorKind::Invalid);
    for other in [&stranger] {
        assert_eq!(
            kind(restores::list_lines(&state, other, &id.to_string(), LineFilter::default()).await.unwrap_err()),
            ErrorKind::NotFound
        );
        assert_eq!(
            kind(restores::all_lines(&state, other, &id.to_string(), LineFilter::default()).await.unwrap_err()),
            ErrorKind::NotFound
        );
        assert_eq!(kind(restores::get_change(&state, other, &id.to_string(), 1).await.unwrap_err()), ErrorKind::NotFound);
    }
    sqlx::query("update request set state = 'draft' where request_id = $1").bind(id).execute(&pool).await.unwrap();
    let draft: String =
        sqlx::query_scalar("select draft::text from request where request_id = $1").bind(id).fetch_one(&pool).await.unwrap();
    let page = restores::draft_page(&state, &dev, &draft, LineFilter::default(), 1).await.unwrap();
    assert_eq!(
        (page.lines.total, page.lines.lines.len(), page.draft.plan.items_total, page.draft.plan.hash),
        (250, 100, 250, shown.plan.hash)
    );
    assert_eq!(kind(restores::draft_page(&state, &lead, &draft, LineFilter::default(), 1).await.unwrap_err()), ErrorKind::NotFound);
    assert_eq!(restores::list_lines(&state, &dev, &id.to_string(), LineFilter::default()).await.unwrap().total, 250);
    assert_eq!(
        kind(restores::list_lines(&state, &lead, &id.to_string(), LineFilter::default()).await.unwrap_err()),
        ErrorKind::NotFound,
        "a draft is its author's"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn when_votes_lapse_the_plan_they_were_for_is_compared_with_the_new_one(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    let before = long(220);
    with_plan(&pool, id, &before).await;
    assert!(restores::get(&state, &lead, id).await.unwrap().change.is_none());

    let mut after = long(230);
    after.items.remove(3);
    after.items[1].then = Digest::of(b"another");
    let (hash, value) = (after.hash(), serde_json::to_value(&after).unwrap());
    let (effects, lapse) = (super::world::effects(), Lapse::HarborChanged);
    let new = restores::queries::Replan {
        plan: &value,
        hash: hash.as_bytes(),
        effects: &effects,
        risk: 3,
        votes: 1,
        rule: &Rule::None,
        decide_h: 1,
        lapse: &lapse,
    };
    restores::queries::replan(&mut pool.acquire().await.unwrap(), id, new).await.unwrap();
    let change = restores::get(&state, &lead, id).await.unwrap().change.unwrap();
    assert_eq!((change.added, change.gone, change.changed, change.pages), (10, 1, 1, 1));
    assert_eq!(change.before_hash, before.hash().hex());
    let changed = change.lines.iter().find(|line| line.before.is_some() && line.after.is_some()).unwrap();
    assert_eq!(changed.before.as_ref().unwrap().then, before.items[1].then.to_string());
    assert_eq!(changed.after.as_ref().unwrap().then, after.items[1].then.to_string());
    assert_eq!(restores::get_change(&state, &dev, &id.to_string(), 1).await.unwrap().unwrap(), change);
}

/// What an earlier version of this program planned is made anew, and nobody is told that Harbor changed.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_approved_plan_of_an_older_form_lapses_and_says_why(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    shop.estate.client().await.delete_repository(&"shop/web".parse().unwrap()).await.unwrap();
    let asked = shop.send(&shop.draft("shop/web:1", "leave").await).await;
    shop.approve(&asked).await;
    sqlx::query("update request set plan = jsonb_set(plan, '{version}', '1'), plan_hash = sha256('of then') where request_id = $1")
        .bind(asked.id)
        .execute(&pool)
        .await
        .unwrap();
    let request = shop.work(asked.id).await;
    assert_eq!(request.state, RequestState::Reapproval);
    assert!(matches!(request.next, Said::Now(NextMove::DecideOlderForm { .. })), "{}", request.next);
    assert_eq!(request.votes.len(), 1);
    assert!(request.votes.iter().all(|vote| vote.void == Some(Lapse::OlderForm.into())), "{:?}", request.votes);
    let sql = "select convert_from(record, 'UTF8')::jsonb -> 'event' ->> 'code' from audit_record where action = 'restore.replan'";
    let code: String = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
    assert_eq!(code, "plan_outdated");
}

/// The page of a request reads its warnings without the rest of the plan, those of before there were values too.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_warning_that_was_stored_as_a_text_is_shown_as_it_was_said(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let (id, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    let text = "3 images come back without a tag: they had none";
    let warnings = json!([{ "code": "untagged", "text": text }, { "code": "untagged", "images": 2 }]);
    sqlx::query("update request set plan = jsonb_set(plan, '{warnings}', $2) where request_id = $1")
        .bind(id)
        .bind(warnings)
        .execute(&pool)
        .await
        .unwrap();
    let shown = restores::get(&state, &dev, id).await.unwrap().plan.warnings;
    assert_eq!(shown, [Said::Then(text.to_owned()), Warning::Untagged { images: 2 }.into()]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_plan_that_changed_before_it_was_sent_off_says_what_changed(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.estate.client().await.delete_repository(&"shop/api".parse().unwrap()).await.unwrap();
    let draft = shop.draft("shop/web:1\nshop/api:1", "leave").await;
    shop.push("1", "pushed over meanwhile").await;
    let form = Submit {
        draft_id: draft.id.clone(),
        plan_hash: draft.plan.hash.clone(),
        category: "accident".to_owned(),
        reason: "it was deleted by accident".to_owned(),
        ticket: String::new(),
    };
    let refused = restores::submit(&shop.estate.state, &shop.dev, &origin(), form).await.unwrap_err();
    assert_eq!(kind(refused), ErrorKind::Conflict);
    let now = restores::get_draft(&shop.estate.state, &shop.dev, &draft.id).await.unwrap();
    let change = now.change.unwrap();
    assert_eq!((change.changed, change.added, change.gone, change.before_hash), (1, 0, 0, draft.plan.hash));
    let again = restores::preview(&shop.estate.state, &shop.dev, now.form).await.unwrap();
    assert!(again.change.is_none(), "looked at anew");
}

/// A draft has a name that nobody can guess; nobody chooses it, and it is its author's alone.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_chooses_or_guesses_the_name_of_a_draft(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    let draft = shop.draft("shop/web:1", "leave").await;
    let form = |id: &str| RestoreForm {
        draft_id: Some(id.to_owned()),
        harbor: "sim".to_owned(),
        project: "shop".to_owned(),
        at: Moment(OffsetDateTime::now_utc()).url(),
        items: "shop/web:1".to_owned(),
        ..RestoreForm::default()
    };
    let state = &shop.estate.state;
    let other = person(state, "other", &[], "requester sim/shop").await;
    let mine = draft.id.as_str();
    let chosen = uuid::Uuid::new_v4().to_string();
    for (caller, id) in
        [(&shop.dev, "777777"), (&shop.dev, "1"), (&shop.dev, "-1"), (&shop.dev, chosen.as_str()), (&other, mine), (&shop.lead, mine)]
    {
        assert_eq!(kind(restores::preview(state, caller, form(id)).await.unwrap_err()), ErrorKind::NotFound, "{id}");
        assert_eq!(kind(restores::get_draft(state, caller, id).await.unwrap_err()), ErrorKind::NotFound, "{id}");
        assert_eq!(kind(restores::list_lines(state, caller, id, LineFilter::default()).await.unwrap_err()), ErrorKind::NotFound, "{id}");
        assert_eq!(restores::number_of_draft(state, caller, id).await.unwrap(), None, "{id}");
    }
    assert!(uuid::Uuid::try_parse(mine).unwrap().get_version_num() == 4, "{mine}");
    assert_eq!(restores::preview(state, &shop.dev, form(mine)).await.unwrap().id, draft.id, "one's own is changed");
    assert_eq!(restores::list_lines(state, &shop.dev, mine, LineFilter::default()).await.unwrap().total, 1);
    let rows: i64 = sqlx::query_scalar("select count(*) from request").fetch_one(&pool).await.unwrap();
    assert_eq!(rows, 1);
}

/// Numbers tell of no draft, and nobody can keep one from coming.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_number_is_given_when_a_draft_is_sent_off_and_none_is_left_out(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    let state = &shop.estate.state;
    shop.estate.client().await.delete_repository(&"shop/web".parse().unwrap()).await.unwrap();
    let mut numbers = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        shop.draft("shop/web:1", "leave").await;
        let draft = shop.draft("shop/web:1", "leave").await;
        numbers.push(shop.send(&draft).await.id);
        last = Some(draft);
    }
    assert_eq!(numbers, [1, 2, 3], "drafts take none");
    // Two at once wait for each other, and what was refused took none.
    let (one, two) = (shop.draft("shop/web:1", "leave").await, shop.draft("shop/web:1", "leave").await);
    let refused = Submit {
        draft_id: one.id.clone(),
        plan_hash: "0".repeat(64),
        category: "accident".to_owned(),
        reason: "it was deleted".to_owned(),
        ticket: String::new(),
    };
    assert_eq!(kind(restores::submit(state, &shop.dev, &origin(), refused).await.unwrap_err()), ErrorKind::Conflict);
    let (one, two) = tokio::join!(shop.send(&one), shop.send(&two));
    let mut both = [one.id, two.id];
    both.sort_unstable();
    assert_eq!(both, [4, 5]);
    // The link to the draft leads to the request for who may see it, and exists for nobody else.
    let name = last.unwrap().id;
    let stranger = person(state, "stranger", &[], "owner sim/other").await;
    assert_eq!(restores::get_draft(state, &shop.dev, &name).await.unwrap_err().into_api(None).code, "not_a_draft");
    for (caller, expected) in [(&shop.dev, Some(3)), (&shop.lead, Some(3)), (&stranger, None)] {
        assert_eq!(restores::number_of_draft(state, caller, &name).await.unwrap(), expected, "{}", caller.login);
    }
    assert_eq!(kind(restores::get_draft(state, &stranger, &name).await.unwrap_err()), ErrorKind::NotFound);
    assert_eq!(recorded(&pool, "restore.submit").await, 5);
}

/// Drafts of before had numbers; links to them work for their author.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_draft_of_before_is_found_by_its_number_by_its_author(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    let draft = shop.draft("shop/web:1", "leave").await;
    sqlx::query("update request set request_id = 41, mark = '41'").execute(&pool).await.unwrap();
    let state = &shop.estate.state;
    assert_eq!(restores::get_draft(state, &shop.dev, "41").await.unwrap().id, draft.id, "and is called by its name from there on");
    assert_eq!(kind(restores::get_draft(state, &shop.lead, "41").await.unwrap_err()), ErrorKind::NotFound);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_refused_or_ran_out_of_time_is_asked_for_again_as_it_was(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    shop.estate.client().await.delete_repository(&"shop/api".parse().unwrap()).await.unwrap();
    let state = &shop.estate.state;
    let sent = shop.send(&shop.draft("shop/api:1", "move").await).await;
    assert_eq!(kind(restores::retry(state, &shop.dev, sent.id).await.unwrap_err()), ErrorKind::Conflict, "it is still open");
    let vote = CastVote {
        request_id: sent.id,
        plan_hash: sent.plan.hash.clone(),
        version: sent.version,
        decision: "deny".to_owned(),
        comment: "ask again tomorrow".to_owned(),
    };
    restores::cast(state, &shop.lead, &origin(), vote).await.unwrap();
    for ended in ["denied", "expired"] {
        sqlx::query("update request set state = $2 where request_id = $1").bind(sent.id).bind(ended).execute(&pool).await.unwrap();
        let seen = restores::get(state, &shop.dev, sent.id).await.unwrap();
        assert!(seen.may.iter().any(|may| may == "retry"), "{ended}: {:?}", seen.may);
        let draft = restores::retry(state, &shop.dev, sent.id).await.unwrap();
        assert_eq!((draft.form.items.as_str(), draft.form.on_conflict.as_str()), ("shop/api:1", "move"));
        assert_eq!((draft.category.as_str(), draft.reason.as_str()), (sent.category.as_str(), sent.reason.as_str()));
        let stored = restores::get_draft(state, &shop.dev, &draft.id).await.unwrap();
        assert_eq!(stored.reason, sent.reason, "a reload has it too");
    }
    let viewer = person(state, "vic", &[], "viewer sim/shop").await;
    assert!(!restores::get(state, &viewer, sent.id).await.unwrap().may.iter().any(|may| may == "retry"));
    assert_eq!(kind(restores::retry(state, &viewer, sent.id).await.unwrap_err()), ErrorKind::Forbidden);
}

/// S-81: nobody has more open than others can look at.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_person_has_so_many_open_requests(pool: PgPool) {
    let shop = Shop::new(pool.clone()).await;
    shop.estate.client().await.delete_repository(&"shop/api".parse().unwrap()).await.unwrap();
    let first = shop.send(&shop.draft("shop/api:1", "move").await).await;
    sqlx::query(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects)
         select 'waiting', account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, now(), risk, votes_needed, rule, effects
           from request, generate_series(1, 49) where request_id = $1",
    )
    .bind(first.id)
    .execute(&pool)
    .await
    .unwrap();
    let draft = shop.draft("shop/api:1", "move").await;
    let form = Submit {
        draft_id: draft.id.clone(),
        plan_hash: draft.plan.hash.clone(),
        category: "accident".to_owned(),
        reason: "once more of the same".to_owned(),
        ticket: String::new(),
    };
    let refused = restores::submit(&shop.estate.state, &shop.dev, &origin(), form.clone()).await.unwrap_err().into_api(None);
    assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::TooMany, "too_many_open"));
    sqlx::query("update request set state = 'withdrawn' where request_id = $1").bind(first.id).execute(&pool).await.unwrap();
    restores::submit(&shop.estate.state, &shop.dev, &origin(), form).await.unwrap();
    // Drafts make room for each other.
    for _ in 0..32 {
        shop.draft("shop/api:1", "move").await;
    }
    let drafts: i64 = sqlx::query_scalar("select count(*) from request where state = 'draft'").fetch_one(&pool).await.unwrap();
    assert_eq!(drafts, 30);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_only_mended_is_said_so_and_can_be_pulled(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let (id, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    let mut plan = long(3);
    plan.items.drain(..2);
    assert_eq!(plan.items[0].effect, Effect::Mend);
    with_plan(&pool, id, &plan).await;
    sqlx::query("update request set state = 'done', effects = $2, finished_at = now() where request_id = $1")
        .bind(id)
        .bind(serde_json::to_value(restores::view::effects(&plan)).unwrap())
        .execute(&pool)
        .await
        .unwrap();
    let shown = restores::get(&state, &dev, id).await.unwrap();
    assert_eq!((shown.plan.mends, shown.plan.sentence.as_str()), (1, "Sends again what Harbor lost of shop/web:v0002"));
    assert!(shown.pull.unwrap().ends_with("/shop/web:v0002"), "the image somebody could not pull");
    let rows = restores::list(&state, &dev, RequestFilter::default()).await.unwrap().items;
    assert_eq!(rows[0].sentence, "Sends again what Harbor lost of shop/web:v0002");
}
