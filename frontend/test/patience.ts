/* What is waited for may take long on a busy machine: a second, as Vitest has it, is too short. */
import { afterEach, vi } from "vitest";

const waitFor = vi.waitFor;
vi.waitFor = (callback, options = 20_000) => waitFor(callback, options);

afterEach(() => void vi.useRealTimers());
