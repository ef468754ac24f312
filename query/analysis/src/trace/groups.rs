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
        // How many members an owner has stands two places behind it at first. Summed up, the place behind it says where
        // its members begin, and when they have been put there, where they end, which is where those of the next begin.
        let mut offsets = vec![0_u32; owners.len() + 2];
        for owner in owners.iter().filter(|owner| **owner != NONE) {
            offsets[*owner as usize + 2] += 1;
        }
        for index in 1..offsets.len() {
            offsets[index] += offsets[index - 1];
        }
        let mut members = vec![0; offsets.last().map_or(0, |count| *count as usize)];
        for (member, owner) in (0..).zip(owners).filter(|(_, owner)| **owner != NONE) {
            let next = &mut offsets[*owner as usize + 1];
            members[*next as usize] = member;
            *next += 1;
        }
        Groups { offsets, members }
    }

    pub(crate) fn of(&self, owner: usize) -> &[u32] {
        &self.members[self.offsets[owner] as usize..self.offsets[owner + 1] as usize]
    }
}
