//! Who may do what: one table of operations, asked by every operation once (console.md §3.2).
//!
//! Deny by default: an operation that is not in the table does not compile, and a caller without a matching line is refused.
//! Projects a caller has no role on are answered as not found, never as forbidden.

use app::accounts::types::{Duty, Role};
use app::error::{ApiError, ErrorKind};
use app::ports::Cx;
use http::request::Parts;

/// How a caller proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A browser session.
    Session,
    /// An API token; `write` as its scope allows.
    Token {
        /// Row of the token.
        id: i64,
        /// May change things.
        write: bool,
    },
}

/// A role on a scope, by ids and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedRole {
    /// The role.
    pub role: Role,
    /// Harbor; none = every harbor.
    pub harbor: Option<(i64, String)>,
    /// Project; none = every project.
    pub project: Option<String>,
}

/// Someone who is signed in, as of this request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Account.
    pub account_id: i64,
    /// Sign-in name.
    pub login: String,
    /// Name shown to others.
    pub display_name: String,
    /// Duties.
    pub duties: Vec<Duty>,
    /// Roles.
    pub roles: Vec<ScopedRole>,
    /// How they proved it.
    pub via: Via,
    /// Whether the password was entered in the last ten minutes (S-26). Never of a token.
    pub fresh: bool,
    /// The password was set by somebody else and has to be changed before anything else.
    pub must_change: bool,
    /// Row of the session, where it is one.
    pub session: Option<i64>,
    /// What a token is bound to; none = to nothing but its owner's rights.
    pub bounds: Option<Bounds>,
}

/// A place that roles and tokens are about, by ids and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Harbor.
    pub harbor: (i64, String),
    /// Project; none = every project of the harbor.
    pub project: Option<String>,
}

/// The projects a token is bound to. Its owner's roles are cut down to them; a duty counts on them alone, and for nothing that is about no project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Where it reaches.
    pub places: Vec<Reach>,
    /// Duties of its owner.
    duties: Vec<Duty>,
}

/// Where a request came from; in the extensions of every request.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Address of the client.
    pub ip: Option<std::net::IpAddr>,
    /// Id of the request.
    pub request_id: String,
    /// `ui`, `api` or `cli`.
    pub interface: &'static str,
}

/// Everything that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// See projects, moments, tag histories.
    ReadProject,
    /// See manifests and configurations.
    ReadContent,
    /// See settings of projects: members, robots, rules, webhooks.
    ReadSettings,
    /// Make, submit and withdraw requests.
    RequestRestore,
    /// Vote.
    Vote,
    /// Stop a restore of someone else.
    CancelRestore,
    /// Keep a snapshot.
    Hold,
    /// Release a hold that somebody else set.
    ReleaseHold,
    /// Say that a gap is known and may stay.
    AcceptGap,
    /// Back a project up now.
    BackUpProject,
    /// See harbors, vaults and plans.
    ReadEstate,
    /// Change harbors, vaults and plans.
    ManageEstate,
    /// Give or change the logins and keys with which harbors and vaults are reached.
    ManageSecrets,
    /// See all jobs.
    ReadJobs,
    /// Stop or repeat jobs.
    ManageJobs,
    /// See accounts.
    ReadAccounts,
    /// Change accounts.
    ManageAccounts,
    /// See the whole audit history, addresses included.
    ReadAudit,
}

impl Operation {
    /// Every operation, for the matrix test.
    pub const ALL: [Self; 18] = [
        Self::ReadProject,
        Self::ReadContent,
        Self::ReadSettings,
        Self::RequestRestore,
        Self::Vote,
        Self::CancelRestore,
        Self::Hold,
        Self::ReleaseHold,
        Self::AcceptGap,
        Self::BackUpProject,
        Self::ReadEstate,
        Self::ManageEstate,
        Self::ManageSecrets,
        Self::ReadJobs,
        Self::ManageJobs,
        Self::ReadAccounts,
        Self::ManageAccounts,
        Self::ReadAudit,
    ];

    /// Who may: duties, and roles on the project it is about.
    #[must_use]
    pub const fn rule(self) -> Rule {
        use Duty::{Auditor, Operator, Secadmin};
        use Role::{Approver, Owner, Requester, Viewer};
        match self {
            Self::ReadProject => Rule::new(&[Operator, Secadmin, Auditor], &[Viewer, Requester, Approver, Owner]),
            Self::ReadContent => Rule::new(&[], &[Requester, Approver, Owner]),
            Self::ReadSettings => Rule::new(&[Operator, Secadmin, Auditor], &[Approver, Owner]),
            Self::RequestRestore => Rule::new(&[], &[Requester, Approver, Owner]).writes(),
            Self::Vote => Rule::new(&[], &[Approver, Owner]).people(),
            Self::CancelRestore => Rule::new(&[Operator, Secadmin], &[Approver, Owner]).writes(),
            Self::Hold => Rule::new(&[Operator, Secadmin], &[Requester, Approver, Owner]).writes(),
            Self::ReleaseHold => Rule::new(&[Operator], &[Owner]).writes(),
            Self::AcceptGap => Rule::new(&[], &[Owner]).writes(),
            Self::BackUpProject => Rule::new(&[Operator], &[Requester, Approver, Owner]).writes(),
            Self::ReadEstate => Rule::new(&[Operator, Secadmin, Auditor], &[]),
            Self::ManageEstate => Rule::new(&[Operator], &[]).writes(),
            Self::ManageSecrets => Rule::new(&[Operator], &[]).people().steps_up(),
            Self::ReadJobs => Rule::new(&[Operator, Secadmin, Auditor], &[]),
            Self::ManageJobs => Rule::new(&[Operator], &[]).writes(),
            Self::ReadAccounts => Rule::new(&[Secadmin, Auditor], &[]),
            Self::ManageAccounts => Rule::new(&[Secadmin], &[]).people().steps_up(),
            Self::ReadAudit => Rule::new(&[Auditor], &[]),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Duties that may.
    pub duties: &'static [Duty],
    /// Roles on the project that may.
    pub roles: &'static [Role],
    /// A token needs the write scope.
    pub writes: bool,
    /// A token may not at all, whatever its scope.
    pub people_only: bool,
    /// The password must have been entered in the last ten minutes.
    pub step_up: bool,
}

impl Rule {
    const fn new(duties: &'static [Duty], roles: &'static [Role]) -> Self {
        Self { duties, roles, writes: false, people_only: false, step_up: false }
    }

    const fn writes(mut self) -> Self {
        self.writes = true;
        self
    }

    const fn people(mut self) -> Self {
        self.writes = true;
        self.people_only = true;
        self
    }

    const fn steps_up(mut self) -> Self {
        self.step_up = true;
        self
    }
}

impl Caller {
    /// The caller of a request, or "signed out".
    pub fn of(cx: &Cx) -> Result<Self, ApiError> {
        Self::of_parts(&cx.parts)
    }

    /// The same for a handler of REST.
    pub fn of_parts(parts: &Parts) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::new(ErrorKind::SignedOut, "signed_out", app::accounts::refusals::Refusal::SignIn))
    }

    /// Whether the caller has `duty`.
    #[must_use]
    pub fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    /// Whether the caller may do `operation`, on `project` of the harbor where it is about one.
    #[must_use]
    pub fn may(&self, operation: Operation, project: Option<(i64, &str)>) -> bool {
        let rule = operation.rule();
        let token_allows = match self.via {
            Via::Session => true,
            Via::Token { write, .. } => !rule.people_only && (write || !rule.writes),
        };
        let by_duty = rule.duties.iter().any(|duty| self.has(*duty))
            || project.is_some_and(|(harbor, name)| self.bounds.as_ref().is_some_and(|b| b.allow(rule.duties) && b.cover(harbor, name)));
        let by_role = project
            .is_some_and(|(harbor, name)| self.roles.iter().any(|scoped| rule.roles.contains(&scoped.role) && scoped.covers(harbor, name)));
        token_allows && (by_duty || by_role)
    }

    /// Refuses what the caller may not do. A project the caller cannot even see is "not found".
    pub fn require(&self, operation: Operation, project: Option<(i64, &str)>) -> Result<(), ApiError> {
        if self.may(operation, project) {
            return if operation.rule().step_up { self.require_fresh() } else { Ok(()) };
        }
        if project.is_some() && !self.may(Operation::ReadProject, project) {
            return Err(ApiError::not_found(app::refusals::Thing::Project));
        }
        Err(forbidden(operation))
    }

    /// Refuses whoever did not enter a password in the last ten minutes: a stolen session or token is not enough for what follows (S-26).
    pub fn require_fresh(&self) -> Result<(), ApiError> {
        self.require_person()?;
        if self.fresh { Ok(()) } else { Err(ApiError::step_up()) }
    }

    /// Refuses every token.
    pub fn require_person(&self) -> Result<(), ApiError> {
        if self.via == Via::Session {
            return Ok(());
        }
        Err(ApiError::new(ErrorKind::Forbidden, "session_needed", app::accounts::refusals::Refusal::SessionNeeded))
    }

    /// The same caller with no right beyond `places`.
    #[must_use]
    pub fn bound_to(mut self, places: Vec<Reach>) -> Self {
        self.roles = self.roles.iter().flat_map(|role| places.iter().filter_map(|place| role.within(place))).collect();
        self.bounds = Some(Bounds { places, duties: std::mem::take(&mut self.duties) });
        self
    }

    /// Whether what is the caller's own in a project is theirs to see and change as they are here: not beyond the bounds of a token.
    #[must_use]
    pub fn reaches(&self, harbor: i64, project: &str) -> bool {
        self.bounds.as_ref().is_none_or(|bounds| bounds.cover(harbor, project))
    }

    /// Whether both have the same rights.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.duties == other.duties && self.roles == other.roles && self.bounds == other.bounds && self.must_change == other.must_change
    }

    /// Refuses a token that may only read.
    pub fn require_write(&self) -> Result<(), ApiError> {
        match self.via {
            Via::Session | Via::Token { write: true, .. } => Ok(()),
            Via::Token { write: false, .. } => {
                Err(ApiError::new(ErrorKind::Forbidden, "read_token", app::accounts::refusals::Refusal::WriteScope))
            }
        }
    }

    /// Harbors and projects the caller sees: none = all of them.
    #[must_use]
    pub fn visible(&self) -> Option<Vec<(Option<i64>, Option<String>)>> {
        if Operation::ReadProject.rule().duties.iter().any(|duty| self.has(*duty)) {
            return None;
        }
        let of_roles = self.roles.iter().map(|r| (r.harbor.as_ref().map(|(id, _)| *id), r.project.clone()));
        let by_duty = self.bounds.iter().filter(|bounds| bounds.allow(Operation::ReadProject.rule().duties));
        let of_bounds = by_duty.flat_map(|bounds| &bounds.places).map(|place| (Some(place.harbor.0), place.project.clone()));
        Some(of_roles.chain(of_bounds).collect())
    }
}

impl Bounds {
    fn cover(&self, harbor: i64, project: &str) -> bool {
        self.places.iter().any(|place| place.harbor.0 == harbor && place.project.as_deref().is_none_or(|name| name == project))
    }

    fn allow(&self, duties: &[Duty]) -> bool {
        duties.iter().any(|duty| self.duties.contains(duty))
    }
}

impl ScopedRole {
    /// The part of the role that lies within a place, if any does.
    fn within(&self, place: &Reach) -> Option<Self> {
        if self.harbor.as_ref().is_some_and(|(id, _)| *id != place.harbor.0) {
            return None;
        }
        let project = match (&self.project, &place.project) {
            (Some(own), Some(bound)) if own != bound => return None,
            (own, bound) => own.clone().or_else(|| bound.clone()),
        };
        Some(Self { role: self.role, harbor: Some(place.harbor.clone()), project })
    }

    /// Whether the role reaches `project` of the harbor.
    #[must_use]
    pub fn covers(&self, harbor: i64, project: &str) -> bool {
        self.harbor.as_ref().is_none_or(|(id, _)| *id == harbor) && self.project.as_deref().is_none_or(|name| name == project)
    }
}

fn forbidden(operation: Operation) -> ApiError {
    let rule = operation.rule();
    let refusal = app::accounts::refusals::Refusal::NeedsRole {
        duties: rule.duties.to_vec(),
        roles: rule.roles.to_vec(),
        person: rule.people_only,
        writes: rule.writes,
    };
    ApiError::new(ErrorKind::Forbidden, "forbidden", refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(duties: &[Duty], roles: &[Role], via: Via) -> Caller {
        Caller {
            account_id: 1,
            login: "a".to_owned(),
            display_name: "A".to_owned(),
            duties: duties.to_vec(),
            roles: roles
                .iter()
                .map(|role| ScopedRole { role: *role, harbor: Some((1, "prod".to_owned())), project: Some("shop".to_owned()) })
                .collect(),
            via,
            fresh: true,
            must_change: false,
            session: None,
            bounds: None,
        }
    }

    /// Columns: nobody, viewer, requester, approver, owner, operator, secadmin, auditor. Written by hand from console.md §3.2.
    const MATRIX: [(Operation, [bool; 8]); 18] = [
        (Operation::ReadProject, [false, true, true, true, true, true, true, true]),
        (Operation::ReadContent, [false, false, true, true, true, false, false, false]),
        (Operation::ReadSettings, [false, false, false, true, true, true, true, true]),
        (Operation::RequestRestore, [false, false, true, true, true, false, false, false]),
        (Operation::Vote, [false, false, false, true, true, false, false, false]),
        (Operation::CancelRestore, [false, false, false, true, true, true, true, false]),
        (Operation::Hold, [false, false, true, true, true, true, true, false]),
        (Operation::ReleaseHold, [false, false, false, false, true, true, false, false]),
        (Operation::AcceptGap, [false, false, false, false, true, false, false, false]),
        (Operation::BackUpProject, [false, false, true, true, true, true, false, false]),
        (Operation::ReadEstate, [false, false, false, false, false, true, true, true]),
        (Operation::ManageEstate, [false, false, false, false, false, true, false, false]),
        (Operation::ManageSecrets, [false, false, false, false, false, true, false, false]),
        (Operation::ReadJobs, [false, false, false, false, false, true, true, true]),
        (Operation::ManageJobs, [false, false, false, false, false, true, false, false]),
        (Operation::ReadAccounts, [false, false, false, false, false, false, true, true]),
        (Operation::ManageAccounts, [false, false, false, false, false, false, true, false]),
        (Operation::ReadAudit, [false, false, false, false, false, false, false, true]),
    ];

    /// S-3.
    #[test]
    fn the_table_is_the_matrix_of_the_specification() {
        let people = [
            caller(&[], &[], Via::Session),
            caller(&[], &[Role::Viewer], Via::Session),
            caller(&[], &[Role::Requester], Via::Session),
            caller(&[], &[Role::Approver], Via::Session),
            caller(&[], &[Role::Owner], Via::Session),
            caller(&[Duty::Operator], &[], Via::Session),
            caller(&[Duty::Secadmin], &[], Via::Session),
            caller(&[Duty::Auditor], &[], Via::Session),
        ];
        for operation in Operation::ALL {
            let (_, expected) = MATRIX.iter().find(|(op, _)| *op == operation).expect("every operation has a row");
            for (person, expected) in people.iter().zip(expected) {
                assert_eq!(person.may(operation, Some((1, "shop"))), *expected, "{operation:?} {:?} {:?}", person.duties, person.roles);
            }
        }
    }

    #[test]
    fn a_role_reaches_its_own_project_only() {
        let owner = caller(&[], &[Role::Owner], Via::Session);
        for elsewhere in [Some((1, "other")), Some((2, "shop")), None] {
            for operation in Operation::ALL {
                assert!(!owner.may(operation, elsewhere), "{operation:?} {elsewhere:?}");
            }
        }
        let refused = owner.require(Operation::RequestRestore, Some((1, "other"))).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound, "an unseen project does not exist");
    }

    #[test]
    fn a_bound_token_is_its_owner_cut_down_to_its_projects() {
        let place = |project: Option<&str>| Reach { harbor: (1, "prod".to_owned()), project: project.map(str::to_owned) };
        let everywhere = ScopedRole { role: Role::Owner, harbor: None, project: None };
        for duty in [Duty::Operator, Duty::Secadmin, Duty::Auditor] {
            let mut owner = caller(&[duty], &[], Via::Token { id: 1, write: true });
            owner.roles = vec![everywhere.clone()];
            let bound = owner.clone().bound_to(vec![place(Some("shop"))]);
            for operation in Operation::ALL {
                assert_eq!(bound.may(operation, Some((1, "shop"))), owner.may(operation, Some((1, "shop"))), "{operation:?} {duty:?}");
                for elsewhere in [Some((1, "other")), Some((2, "shop")), None] {
                    assert!(!bound.may(operation, elsewhere), "{operation:?} {elsewhere:?} {duty:?}");
                }
            }
            assert!(bound.visible().unwrap().iter().all(|seen| *seen == (Some(1), Some("shop".to_owned()))));
            assert!(!bound.reaches(1, "other") && owner.reaches(1, "other"));
        }
        let narrow = caller(&[], &[Role::Viewer], Via::Session);
        assert_eq!(narrow.clone().bound_to(vec![place(None)]).roles, narrow.roles, "a harbor gives no more than the role");
        assert!(narrow.clone().bound_to(vec![place(Some("other"))]).roles.is_empty());
        let nothing = narrow.bound_to(Vec::new());
        assert!(nothing.roles.is_empty() && !nothing.reaches(1, "shop"), "bound to nothing is not unbound");
    }

    #[test]
    fn a_token_never_votes_and_a_read_token_never_writes() {
        for operation in Operation::ALL {
            let rule = operation.rule();
            let all = [Duty::Operator, Duty::Secadmin, Duty::Auditor];
            let read = caller(&all, &[Role::Owner], Via::Token { id: 1, write: false });
            let write = caller(&all, &[Role::Owner], Via::Token { id: 1, write: true });
            assert_eq!(read.may(operation, Some((1, "shop"))), !rule.writes, "{operation:?}");
            assert_eq!(write.may(operation, Some((1, "shop"))), !rule.people_only, "{operation:?}");
        }
    }

    /// S-26.
    #[test]
    fn rights_and_passwords_need_the_password_again_and_never_a_token() {
        let fresh = caller(&[Duty::Secadmin], &[], Via::Session);
        assert!(fresh.require(Operation::ManageAccounts, None).is_ok());
        let stale = Caller { fresh: false, ..fresh.clone() };
        assert_eq!(stale.require(Operation::ManageAccounts, None).unwrap_err().code, "step_up");
        assert!(stale.require(Operation::ReadAccounts, None).is_ok(), "reading needs none");
        let token = Caller { via: Via::Token { id: 1, write: true }, ..fresh };
        assert_eq!(token.require(Operation::ManageAccounts, None).unwrap_err().kind, ErrorKind::Forbidden);
        let operator = caller(&[Duty::Operator], &[], Via::Session);
        assert!(operator.require(Operation::ManageSecrets, None).is_ok());
        let stale = Caller { fresh: false, ..operator };
        assert_eq!(stale.require(Operation::ManageSecrets, None).unwrap_err().code, "step_up");
        assert!(stale.require(Operation::ManageEstate, None).is_ok());
    }
}
