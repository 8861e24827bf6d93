//! Rights that one person must not hold together (console.md §3.1, §3.4): one rule for the forms, the lists and the transaction that gives them.

use super::types::{Duty, Grant, Role};
use crate::text::Lang;

/// Two rights that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Two of the three duties.
    Duties(Duty, Duty),
    /// A duty, and a role with which its holder would act in what they run or check.
    DutyAndRole(Duty, Role),
}

/// What of these rights must not be together, if anything is. The three duties exclude each other; whoever operates or audits reads no image, asks for no restore,
/// votes on none and owns no project (S12).
#[must_use]
pub fn conflict(duties: &[Duty], roles: impl IntoIterator<Item = Role>) -> Option<Conflict> {
    let mut held = duties.to_vec();
    held.sort_unstable();
    held.dedup();
    if let [one, other, ..] = held.as_slice() {
        return Some(Conflict::Duties(*one, *other));
    }
    let duty = held.into_iter().find(|duty| matches!(duty, Duty::Operator | Duty::Auditor))?;
    // The strongest is named.
    let role = roles.into_iter().filter(|role| *role != Role::Viewer).max()?;
    Some(Conflict::DutyAndRole(duty, role))
}

/// The same of an account's grants.
#[must_use]
pub fn conflict_of(duties: &[Duty], grants: &[Grant]) -> Option<Conflict> {
    conflict(duties, grants.iter().map(|grant| grant.role))
}

const fn duty(duty: Duty) -> (&'static str, &'static str) {
    match duty {
        Duty::Operator => ("operator", "系统管理员"),
        Duty::Secadmin => ("security administrator", "安全管理员"),
        Duty::Auditor => ("auditor", "审计管理员"),
    }
}

const fn role(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Viewer => ("viewer", "查看者"),
        Role::Requester => ("requester", "申请人"),
        Role::Approver => ("approver", "审批人"),
        Role::Owner => ("owner", "负责人"),
    }
}

impl Conflict {
    /// The form's field it is about.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Duties(..) => "duties",
            Self::DutyAndRole(..) => "grants",
        }
    }

    /// In one sentence.
    #[must_use]
    pub fn say(self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Duties(one, other), Lang::En) => {
                format!("nobody is both {} and {}: the three duties are three different people", duty(one).0, duty(other).0)
            }
            (Self::Duties(one, other), Lang::ZhCn) => format!("同一人不得兼任{}与{}：三员须由三人分任", duty(one).1, duty(other).1),
            (Self::DutyAndRole(held, given), Lang::En) => {
                format!("nobody is both {} and {} of a project: give one of the two to somebody else", duty(held).0, role(given).0)
            }
            (Self::DutyAndRole(held, given), Lang::ZhCn) => {
                format!("同一人不得既是{}又是项目{}：请将其中之一交给他人", duty(held).1, role(given).1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_together_is_what_the_specification_lets() {
        use Duty::{Auditor, Operator, Secadmin};
        use Role::{Approver, Owner, Requester, Viewer};
        for (duties, roles) in [
            (&[][..], &[Owner, Approver][..]),
            (&[Operator], &[]),
            (&[Operator], &[Viewer]),
            (&[Auditor], &[Viewer]),
            (&[Secadmin], &[Owner]),
            (&[Secadmin, Secadmin], &[]),
        ] {
            assert_eq!(conflict(duties, roles.iter().copied()), None, "{duties:?} {roles:?}");
        }
        for (duties, roles, expected) in [
            (&[Operator, Secadmin][..], &[][..], Conflict::Duties(Operator, Secadmin)),
            (&[Auditor, Operator], &[Owner], Conflict::Duties(Operator, Auditor)),
            (&[Operator], &[Viewer, Requester], Conflict::DutyAndRole(Operator, Requester)),
            (&[Auditor], &[Approver, Owner, Viewer], Conflict::DutyAndRole(Auditor, Owner)),
        ] {
            assert_eq!(conflict(duties, roles.iter().copied()), Some(expected), "{duties:?} {roles:?}");
        }
    }
}
