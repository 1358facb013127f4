import type { MadeSubscriptions } from '../core/ports.ts';
import type { AgentSubscriptionRow } from '../topology.ts';
import type { Database } from './sqlite-database.ts';

type Rows = Readonly<Record<string, AgentSubscriptionRow>>;

/** The rows of the subscriptions that were made at run time: stored, so that a restart keeps them. */
export interface MadeRows extends MadeSubscriptions {
  rows(): Rows;
  /** Only inside a write. */
  put(name: string, row: AgentSubscriptionRow): void;
  /** Only inside a write. */
  remove(name: string): void;
  /** Tells the watchers what there is now. */
  tell(): void;
}

export function madeSubscriptions(database: Database): MadeRows {
  database.define('CREATE TABLE IF NOT EXISTS made_subscriptions (name TEXT PRIMARY KEY, row TEXT NOT NULL)');
  const all = database.prepare('SELECT name, row FROM made_subscriptions ORDER BY name');
  const put = database.prepare('INSERT OR REPLACE INTO made_subscriptions (name, row) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM made_subscriptions WHERE name = ?');
  const watchers = new Set<(made: Rows) => void>();
  const rows = (): Rows => Object.fromEntries(all.all().map(({ name, row }) => [name as string, JSON.parse(row as string)]));

  return {
    rows,
    put: (name, row) => void put.run(name, JSON.stringify(row)),
    remove: (name) => void remove.run(name),
    tell() {
      for (const watcher of watchers) watcher(rows());
    },
    watch(onChange) {
      watchers.add(onChange);
      onChange(rows());
      return () => watchers.delete(onChange);
    },
  };
}
