/** Checks the chain of one entity that is not a task. */

import {
  AUDIT,
  AUDIT_HEADS,
  type AuditEntry,
  type AuditHead,
  auditEntry,
  auditId,
  entryId,
} from '../../functions/core/audit/audit.ts';
import type { SealedEntity } from '../../functions/core/audit/seals.ts';
import type { Stored } from '../../functions/core/ports.ts';
import { chainCheck } from './chain-check.ts';
import type { Finding } from './finding.ts';
import type { Checked } from './verify.ts';

const AT_ONCE = 100;

export const entityName = ({ tenant, entity }: Pick<AuditHead, 'tenant' | 'entity'>): string => `${entity} of ${tenant}`;

/** The entity whose head has this id, as it is now: every entry up to its head, and whether there are more. */
export async function checkEntity({ control, signing }: Checked, id: string): Promise<{ findings: Finding[]; entries: number }> {
  const stored = await control.get(AUDIT_HEADS, id);
  if (stored === undefined) return { findings: [], entries: 0 };
  const { tenant, entity, chain } = stored.data as unknown as AuditHead;
  const name = entityName({ tenant, entity });
  if (auditId(tenant, entity) !== id) {
    const why = 'The head of its chain is that of another entity.';
    return { findings: [{ entity: name, kind: 'swapped', why }], entries: 0 };
  }
  const isOwn = (entry: unknown) => (entry as AuditEntry).tenant === tenant && (entry as AuditEntry).entity === entity;
  const check = chainCheck(signing, name, '', isOwn);
  for (let first = 1; first <= chain.count; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, chain.count - first + 1) }, (_, index) => first + index);
    const found = await Promise.all(numbers.map((number) => control.get(AUDIT, entryId(id, number))));
    for (const [index, number] of numbers.entries()) {
      const entry = found[index];
      check.add(number, entry && auditEntry(entry.data));
    }
  }
  return { findings: check.end(chain.head, chain.count), entries: chain.count };
}

/** An entry whose chain ends before it: its head was set back, or removed, or it was never decided. */
export async function checkEntry({ control, signing }: Checked, { id, data }: Stored): Promise<Finding[]> {
  const [, headId = '', digits = ''] = /^(.*)-(\d+)$/.exec(id) ?? [];
  const entry = auditEntry(data);
  const number = Number(digits);
  const head = await control.get(AUDIT_HEADS, headId);
  const count = (head?.data as AuditHead | undefined)?.chain.count ?? 0;
  if (number <= count) return [];
  const before = number === 1 ? undefined : await control.get(AUDIT, entryId(headId, number - 1));
  const { hash, ...said } = entry;
  const isGenuine = signing.chain(number === 1 ? '' : String(before?.data.hash), said) === hash;
  const where = head === undefined ? 'is gone' : `counts ${count}`;
  const why = isGenuine ? `The entry is genuine, and the head of its chain ${where}.` : 'It follows from nothing.';
  return [{ entity: entityName(entry), number, kind: isGenuine ? 'truncated' : 'added', why }];
}

/** Whether what was sealed of an entity is still there. */
export async function checkSealedEntity({ control }: Checked, sealed: SealedEntity, by: string): Promise<Finding[]> {
  const entity = entityName(sealed);
  const id = auditId(sealed.tenant, sealed.entity);
  const [head, entry] = await Promise.all([control.get(AUDIT_HEADS, id), control.get(AUDIT, entryId(id, sealed.count))]);
  const count = (head?.data as AuditHead | undefined)?.chain.count;
  const counted = `${by} has ${sealed.count} ${sealed.count === 1 ? 'entry' : 'entries'} of it`;
  if (count === undefined) {
    const why = entry === undefined ? `${counted}.` : `${counted}, and the head of its chain is gone.`;
    return [{ entity, kind: 'removed', why }];
  }
  if (count < sealed.count) return [{ entity, number: count + 1, kind: 'truncated', why: `${counted}, its head counts ${count}.` }];
  if (entry !== undefined && entry.data.hash !== sealed.head)
    return [{ entity, number: sealed.count, kind: 'edited', why: `${by} has another hash of it.` }];
  return [];
}
