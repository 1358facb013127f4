/** An adapter whose client can be loaded ahead of its first call. */
export interface Warmable {
  /** Resolves once it is loaded, or could not be: then the first call says why. */
  warm(): Promise<void>;
}

export const noop = (): void => {};
