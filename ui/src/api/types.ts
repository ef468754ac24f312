/** Short names for the shapes in the generated `schema.d.ts`. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Service = Schemas['Service'];
export type Operation = Schemas['Operation'];
export type TraceSummary = Schemas['TraceSummary'];
/** The span by which a trace was found. */
export type MatchedSpan = Schemas['MatchedSpan'];
export type Flow = Schemas['Flow'];
export type FlowRecord = Schemas['FlowRecord'];
export type Graph = Schemas['Graph'];
export type GraphNode = Schemas['Node'];
export type GraphEdge = Schemas['Edge'];
export type Acknowledgement = Schemas['Acknowledgement'];
export type AcknowledgementRequest = Schemas['AcknowledgementRequest'];
/** A finding as it was told last, with all its occurrences, the latest first. */
export type FindingHistory = Schemas['FindingWithHistory'];
export type Differences = Schemas['Differences'];
export type DifferentAttribute = Schemas['DifferentAttribute'];
export type DifferentValue = Schemas['DifferentValue'];
export type Dashboards = Schemas['Dashboards'];
export type DashboardSummary = Schemas['DashboardSummary'];
export type Dashboard = Schemas['DashboardWithPanels'];
export type DashboardPanel = Schemas['DashboardPanel'];
export type SqlResult = Schemas['SqlResult'];

export type TraceOrder = 'recent' | 'slowest' | 'errors';
export type Attributes = Record<string, unknown>;
