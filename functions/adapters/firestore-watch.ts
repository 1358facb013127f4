import type { DocumentReference, DocumentSnapshot } from '@google-cloud/firestore';

/** The first pause before an emulator's document is read again, and the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/**
 * Tells of the document as it is and of each later state, until the result is called. `onError` is the end of it.
 *
 * The emulator differs from Firestore here: it may never tell of a write that was made while the watch began. On the emulator the
 * document is therefore read again, ever less often, for as long as it is watched.
 */
export function watchDocument(
  reference: DocumentReference,
  onChange: (snapshot: DocumentSnapshot) => void,
  onError: (error: Error) => void,
): () => void {
  return process.env.FIRESTORE_EMULATOR_HOST
    ? watchEmulated(reference, onChange, onError)
    : reference.onSnapshot(onChange, onError);
}

function watchEmulated(
  reference: DocumentReference,
  onChange: (snapshot: DocumentSnapshot) => void,
  onError: (error: Error) => void,
): () => void {
  let last: DocumentSnapshot | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  /** What is told late, by either way, is older than what is known, or the same. */
  const tell = (snapshot: DocumentSnapshot): void => {
    if (stopped) return;
    if (last !== undefined && (snapshot.readTime <= last.readTime || stateOf(snapshot) === stateOf(last))) return;
    last = snapshot;
    onChange(snapshot);
  };
  const readAfter = (pauseMs: number): void => {
    timer = setTimeout(async () => {
      // One that fails is made up for by the next.
      await reference.get().then(tell, () => {});
      if (!stopped) readAfter(Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
    }, pauseMs).unref();
  };
  const stop = reference.onSnapshot(tell, (error) => {
    end();
    onError(error);
  });
  readAfter(FIRST_PAUSE_MS);

  function end(): void {
    stopped = true;
    clearTimeout(timer);
  }
  return () => {
    end();
    stop();
  };
}

const stateOf = ({ updateTime }: DocumentSnapshot): string => updateTime?.valueOf() ?? 'absent';
