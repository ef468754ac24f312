//! Members by their owner, without an allocation for each.

use super::NONE;

/// The members of each owner, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// Members of owner `i` are `members[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// Groups the indices of `owners` by what stands there; [`NONE`] is nobody.
    pub(crate) fn by_owner(owners: &[u32]) -> Groups {
        let mut offsets = vec![0_u32; owners.len() + 1];
        for owner in owners.iter().filter(|owner| **owner != NONE) {
            offsets[*owner as usize + 1] += 1;
        }
        for index in 1..offsets.len() {
            offsets[index] += offsets[index - 1];
        }
        let mut members = vec![0; offsets.last().map_or(0, |count| *count as usize)];
        // Filled from the back, each offset comes to stand at the first member of its owner again.
        let mut ends = offsets[1..].to_vec();
        for (member, owner) in owners.iter().enumerate().rev().filter(|(_, owner)| **owner != NONE) {
            let end = &mut ends[*owner as usize];
            *end -= 1;
            members[*end as usize] = member as u32;
        }
        Groups { offsets, members }
    }

    pub(crate) fn of(&self, owner: usize) -> &[u32] {
        &self.members[self.offsets[owner] as usize..self.offsets[owner + 1] as usize]
    }
}
