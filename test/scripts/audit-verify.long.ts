import { findsTampering } from './audit-tamperings.ts';

describe('audit verify, many times', function () {
  findsTampering.call(this, 5);
});
