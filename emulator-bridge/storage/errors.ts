/**
 * What goes wrong, as Cloud Storage's JSON API says it: a status, a short reason for programs, a sentence for people.
 *
 * Source: cloud.google.com/storage/docs/json_api/v1/status-codes.
 */
export class StorageError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = reason;
  }

  document(): unknown {
    const { status: code, message, reason } = this;
    return { error: { code, message, errors: [{ message, domain: 'global', reason }] } };
  }
}

export const invalid = (message: string) => new StorageError(400, 'invalid', message);

export const noSuchBucket = () => new StorageError(404, 'notFound', 'The specified bucket does not exist.');

export const noSuchObject = (bucket: string, name: string) =>
  new StorageError(404, 'notFound', `No such object: ${bucket}/${name}`);

export const conditionNotMet = () =>
  new StorageError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');

/** Answered without a body. */
export const notModified = () => new StorageError(304, 'notModified', 'Not Modified');

/** Better than an answer that leaves out what was asked for. */
export const notHere = (what: string) =>
  new StorageError(501, 'notImplemented', `${what} is part of Cloud Storage, not of this local server.`);
