/** Waits for something that happens soon after an answer, such as a projection; gives up after `tries` looks. */
export async function until(look: () => Promise<boolean>, tries = 100): Promise<void> {
  for (let i = 0; i < tries; i++) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it did not happen within ${tries} looks`);
}
