/** SQL as DataFusion reads it, in the form of PostgreSQL's; placeholders are words of their own. */
import { PostgreSQL, SQLDialect } from '@codemirror/lang-sql';

/** Few enough that names of columns (`name`, `attributes`, `time`) do not look like words of the language. */
const KEYWORDS = `select from where group by having order limit offset fetch join left right inner outer full cross natural semi
anti lateral on using as with recursive union all distinct intersect except case when then else end and or not in is like ilike
similar between exists values explain analyze verbose show describe tables columns functions interval cast try_cast filter over
partition rows range groups preceding following unbounded current row asc desc nulls first last unnest qualify within exclude
escape any some cube rollup grouping sets extract`;

const TYPES = `bigint int integer smallint tinyint double precision float real decimal numeric varchar char text string boolean
timestamp date bytea binary`;

export const DataFusion = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: KEYWORDS.replace(/\s+/g, ' '),
  types: TYPES.replace(/\s+/g, ' '),
  builtin: '',
  doubleDollarQuotedStrings: false,
  specialVar: '$',
});
