/* On a busy machine, a second, which is Vitest's default for `waitFor`, is too short. */
import { afterEach, vi } from "vitest";

const waitFor = vi.waitFor;
vi.waitFor = (callback, options = 20_000) => waitFor(callback, options);

afterEach(() => void vi.useRealTimers());
