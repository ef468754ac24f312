/// How many rows the finished columns are to have, and what had to be mended to finish them.
#[derive(Debug)]
pub struct Finisher {
    pub rows: usize,
    pub texts_repaired: u64,
}

impl Finisher {
    pub fn new(rows: usize) -> Self {
        Self { rows, texts_repaired: 0 }
    }

    /// The same for the `rows` elements of a nested column.
    pub(super) fn nested<T>(&mut self, rows: usize, finish: impl FnOnce(&mut Finisher) -> T) -> T {
        let mut inner = Finisher::new(rows);
        let finished = finish(&mut inner);
        self.texts_repaired += inner.texts_repaired;
        finished
    }
}
