//! `/dev/gallery`: every part of the kit in every state, for screenshots and accessibility tests.

use leptos::prelude::*;

use super::*;
use crate::plans::types::DayState;
use crate::units::Moment;

const TONES: [(Tone, &str); 6] = [
    (Tone::Ok, "done in 4 s, verified"),
    (Tone::Warn, "22 h old, target at risk"),
    (Tone::Fail, "robot expired"),
    (Tone::Run, "verifying 118 of 204"),
    (Tone::Held, "held until 2026-12-01"),
    (Tone::Idle, "nothing to do"),
];

fn sample_days() -> Vec<DayState> {
    use DayState::{BeforeStart, Failed, Gaps, Good, Idle, Missed, Running};
    let mut days = vec![BeforeStart; 6];
    days.extend([Good; 8]);
    days.extend([Failed, Good, Good, Missed, Missed, Idle, Good, Gaps, Gaps]);
    days.extend([Good; 6]);
    days.push(Running);
    days
}

#[component]
fn Facts() -> impl IntoView {
    let at = Moment::parse("2026-11-23T09:30:05Z").unwrap_or(Moment(time::OffsetDateTime::UNIX_EPOCH));
    view! {
        <Panel title="Facts" note="key and value" padded=true>
            <KeyValue>
                <Kv key="Digest"><Digest value="sha256:9f2c4e10aa77ab00000000000000000000000000000000000000000000001b7e"/></Kv>
                <Kv key="When"><When at=at/></Kv>
                <Kv key="Brief"><When at=at brief=true/></Kv>
                <Kv key="Progress"><Progress label="Sample" done=118 total=204/></Kv>
                <Kv key="Unknown total"><Progress label="Sample" done=118 total=0/></Kv>
            </KeyValue>
            <CliTwin command="breakwater run start everything --wait"/>
        </Panel>
    }
    .into_any()
}

#[component]
fn Table() -> impl IntoView {
    let cols = vec![Col::text("Plan"), Col::text("Days"), Col::number("Projects"), Col::text("Now"), Col::actions()];
    view! {
        <Panel title="Table" note="becomes cards below 640 px" link=("/plans".to_owned(), "All plans".to_owned())>
            <DataTable caption="Plans" cols=cols>
                {["production hourly", "everything daily"].into_iter().map(|name| view! {
                    <tr>
                        <Cell><a href="/dev/gallery">{name}</a></Cell>
                        <Cell label="Days"><DayStrip days=sample_days()/></Cell>
                        <Cell label="Projects" number=true>"37"</Cell>
                        <Cell label="Now"><Status tone=Tone::Ok text="6 min old"/></Cell>
                        <Cell><LinkButton href="/dev/gallery" text="Open" kind=ButtonKind::Small/></Cell>
                    </tr>
                }).collect_view()}
            </DataTable>
            <Pager base="/dev/gallery" next=Some("x".to_owned()) paged=true total="1,204 rows"/>
        </Panel>
    }
    .into_any()
}

/// The gallery.
#[component]
pub fn GalleryPage() -> impl IntoView {
    let error = crate::error::ApiError::new(crate::error::ErrorKind::Upstream, "harbor_unreachable", crate::troubles::Trouble::Busy);
    view! {
            <PageHead title="Every part of the console in every state." crumbs=vec![("Home".to_owned(), "/".to_owned())] here="Gallery">
                <SubItem label="Last good backup">"6 min ago"</SubItem>
                <SubItem label="Next run">"15:00"</SubItem>
            </PageHead>
            <Steps steps=["Asked 14:08", "Your decision", "Runs at once", "Read back", "Report"].map(str::to_owned).to_vec() now=1/>
            <Columns>
                <Stack>
                    <Table/>
                    <Panel title="States">
                        {TONES.into_iter().map(|(tone, text)| view! { <Row><Status tone=tone text=text/></Row> }).collect_view()}
                        {TONES.into_iter().map(|(tone, text)| view! { <Callout tone=tone>{text}</Callout> }).collect_view()}
                    </Panel>
                    <ErrorBlock error=error part=true/>
                </Stack>
                <Stack>
                    <Panel title="Buttons" padded=true>
                        <Bar>
                            <LinkButton href="/dev/gallery" text="Restore the 41 tags…" kind=ButtonKind::Primary/>
                            <LinkButton href="/dev/gallery" text="Browse"/>
                            <LinkButton href="/dev/gallery" text="Delete…" kind=ButtonKind::Danger/>
                        </Bar>
                    </Panel>
                    <Facts/>
                    <Panel title="Nothing yet"><Empty kind=EmptyKind::NothingYet title="No plan yet" text="A plan says what is backed up, when and where to."><LinkButton href="/plans/new" text="Make the first plan" kind=ButtonKind::Primary/></Empty></Panel>
                    <Panel title="No match"><Empty kind=EmptyKind::NoMatch title="Nothing matches these filters"><FilterChip text="state: failed" without="/dev/gallery"/></Empty></Panel>
                    <Panel title="Not visible"><Empty kind=EmptyKind::NotVisible title="Your roles show no project" text="Ask a security administrator for the role viewer."/></Panel>
                </Stack>
            </Columns>
    }
    .into_any()
}
