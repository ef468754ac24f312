//! Arrow IPC streaming format.

use std::fmt;

use arrow::{datatypes::Schema, error::ArrowError, ipc::writer::StreamWriter, record_batch::RecordBatch};

pub(super) struct ArrowWriter {
    stream: StreamWriter<Vec<u8>>,
}

impl ArrowWriter {
    pub(super) fn begin(schema: &Schema, out: &mut Vec<u8>) -> Result<Self, ArrowError> {
        let mut writer = Self { stream: StreamWriter::try_new(Vec::new(), schema)? };
        writer.take(out);
        Ok(writer)
    }

    pub(super) fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.stream.write(batch)?;
        self.take(out);
        Ok(())
    }

    pub(super) fn end(mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.stream.finish()?;
        self.take(out);
        Ok(())
    }

    fn take(&mut self, out: &mut Vec<u8>) {
        out.append(self.stream.get_mut());
    }
}

impl fmt::Debug for ArrowWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ArrowWriter").finish_non_exhaustive()
    }
}
