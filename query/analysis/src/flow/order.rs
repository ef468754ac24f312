//! The order of the records: depth first.

use super::records::{NONE, Records};

/// Indices of all records in order, those above before those below, siblings in order of time; and the depth of each.
/// No record is above itself.
pub(super) fn depth_first(records: &Records) -> Vec<(u32, u32)> {
    let count = records.all.len();
    let mut by_time: Vec<u32> = (0..count as u32).collect();
    by_time.sort_unstable_by_key(|index| {
        let record = &records.all[*index as usize];
        (record.start, record.record_type, record.span, *index)
    });
    let mut offsets = vec![0_u32; count + 1];
    let mut top = Vec::new();
    for record in &records.all {
        if record.parent != NONE {
            offsets[record.parent as usize + 1] += 1;
        }
    }
    for index in 1..offsets.len() {
        offsets[index] += offsets[index - 1];
    }
    let mut next = offsets.clone();
    let mut children = vec![0_u32; offsets[count] as usize];
    for index in by_time {
        match records.all[index as usize].parent {
            NONE => top.push(index),
            parent => {
                let slot = &mut next[parent as usize];
                children[*slot as usize] = index;
                *slot += 1;
            }
        }
    }
    let mut order = Vec::with_capacity(count);
    let mut stack: Vec<(u32, u32)> = top.into_iter().rev().map(|index| (index, 0)).collect();
    while let Some((index, depth)) = stack.pop() {
        order.push((index, depth));
        let below = offsets[index as usize] as usize..offsets[index as usize + 1] as usize;
        stack.extend(children[below].iter().rev().map(|child| (*child, depth + 1)));
    }
    order
}
