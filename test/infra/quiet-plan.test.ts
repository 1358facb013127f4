/** A second plan shows no change. What Google leaves out of its answers would be missed, and be sent again with every deployment. */

import assert from 'node:assert/strict';
import { full, synthesized } from './synthesized.ts';

describe('the stack: what a second plan would show', () => {
  const stack = synthesized(full);

  it('says nothing about retries of a schedule: none is the default', () => {
    for (const [name, job] of Object.entries(stack.all('google_cloud_scheduler_job'))) assert.ok(!('retry_config' in job), name);
  });

  it('has no zero and no empty text in the dashboard', () => {
    const [dashboard] = Object.values(stack.all('google_monitoring_dashboard'));
    const seen: unknown[] = [];
    JSON.parse(String(dashboard?.dashboard_json), (key, value) => {
      if (value === 0 || value === '' || value === false || value === null) seen.push([key, value]);
      return value;
    });
    assert.deepEqual(seen, []);
  });

  it('still shows each chart at its own place', () => {
    const [dashboard] = Object.values(stack.all('google_monitoring_dashboard'));
    const { tiles } = JSON.parse(String(dashboard?.dashboard_json)).mosaicLayout;
    const places = tiles.map(({ xPos = 0, yPos = 0 }) => `${xPos},${yPos}`);
    assert.equal(new Set(places).size, 8);
  });

  it('gives another domain another certificate, made before the first one goes', () => {
    const certificate = (domain: string) =>
      synthesized({ ...full, balancer: { domain } }).all('google_compute_managed_ssl_certificate').certificate;
    const [one, other] = ['one.example.com', 'other.example.com'].map(certificate);
    assert.notEqual(one?.name, other?.name);
    assert.match(String(one?.name), /^[a-z]([-a-z0-9]*[a-z0-9])?$/);
    assert.deepEqual(one?.lifecycle, { create_before_destroy: true });
  });
});
