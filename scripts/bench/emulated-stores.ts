/** The Firestore emulator keeps everything in memory, and slows down as it fills: each turn begins with empty stores. */
const DATABASES = ['tasks', 'bare'];

/** Empties Heliograph's tasks and the bare pipeline's. Throws when the emulator refuses. */
export async function emptyStores(firestoreHost: string, project: string): Promise<void> {
  for (const database of DATABASES) {
    const documents = `http://${firestoreHost}/emulator/v1/projects/${project}/databases/${database}/documents`;
    const { ok, status } = await fetch(documents, { method: 'DELETE' });
    if (!ok) throw new Error(`The emulator did not empty ${database}: ${status}.`);
  }
}
