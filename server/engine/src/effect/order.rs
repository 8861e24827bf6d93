//! In which order what is wanted of one repository is written: what was pushed first comes first, so that whatever looks at push times
//! afterwards, as Harbor's retention does, sees the images in the order they had.
//!
//! Harbor's retention goes by the latest of an artifact's push time and those of its tags; so does this.

use std::collections::HashMap;

use vault::tree::{PushedAt, RepositoryMember, RepositoryPushes};
use vocab::{Digest, Tag};

/// One image with the tags that are wanted, in their order; none = by digest.
pub(super) struct Image<'a> {
    pub member: &'a RepositoryMember,
    pub tags: Vec<Option<Tag>>,
}

/// Images by their latest push, the tags of each by theirs. What has no time comes before what has one, by digest and name.
pub(super) fn images<'a>(wanted: Vec<(&'a RepositoryMember, Option<Tag>)>, pushes: &RepositoryPushes) -> Vec<Image<'a>> {
    let mut images: HashMap<Digest, Image<'a>> = HashMap::new();
    for (member, tag) in wanted {
        images.entry(member.descriptor.digest).or_insert_with(|| Image { member, tags: Vec::new() }).tags.push(tag);
    }
    let at = |tag: &Option<Tag>| tag.as_ref().and_then(|tag| pushes.tags.get(tag)).copied();
    let mut sorted: Vec<(Option<PushedAt>, Image<'a>)> = images
        .into_values()
        .map(|mut image| {
            image.tags.sort_by(|one, other| (at(one), one).cmp(&(at(other), other)));
            image.tags.dedup();
            let latest = image.tags.iter().filter_map(at).chain(pushes.artifacts.get(&image.member.descriptor.digest).copied()).max();
            (latest, image)
        })
        .collect();
    sorted.sort_by(|(at, one), (at_other, other)| (at, one.member.descriptor.digest).cmp(&(at_other, other.member.descriptor.digest)));
    sorted.into_iter().map(|(_, image)| image).collect()
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};
    use vault::tree::Role;

    use super::*;

    #[test]
    fn what_was_pushed_first_comes_first_and_the_tags_of_an_image_stay_together() {
        let at = |second: i64| PushedAt::new(OffsetDateTime::UNIX_EPOCH + Duration::seconds(second)).unwrap();
        let member = |name: &str, tag: Option<&str>| RepositoryMember {
            descriptor: crate::effect::tests::described(Digest::of(name.as_bytes())),
            tag: tag.map(|tag| tag.parse().unwrap()),
            role: Role::Root,
            labels: Vec::new(),
        };
        let members = [
            member("a", Some("b10")),
            member("b", Some("b9")),
            member("a", Some("b1")),
            member("c", None),
            member("d", Some("z")),
            member("d", Some("y")),
        ];
        let mut pushes = RepositoryPushes::default();
        for (tag, second) in [("b1", 1), ("b9", 9), ("b10", 10), ("z", 2), ("y", 3)] {
            pushes.tags.insert(tag.parse().unwrap(), at(second));
        }
        pushes.artifacts.insert(Digest::of(b"c"), at(5));
        let wanted: Vec<_> = members.iter().map(|member| (member, member.tag.clone())).collect();
        let shown = |pushes: &RepositoryPushes| -> Vec<Vec<String>> {
            let images = images(wanted.clone(), pushes);
            images.iter().map(|i| i.tags.iter().map(|t| t.as_ref().map_or_else(String::new, ToString::to_string)).collect()).collect()
        };
        assert_eq!(shown(&pushes), [vec!["z", "y"], vec![""], vec!["b9"], vec!["b1", "b10"]]);
        let unknown = shown(&RepositoryPushes::default());
        assert_eq!(unknown, shown(&RepositoryPushes::default()), "without times it is the same order each time");
        assert!(unknown.contains(&vec!["b1".to_owned(), "b10".to_owned()]));
    }
}
