import { beforeEach, expect, test, vi } from "vitest";
import { FeedController } from "../src/feed";
import type { Feed } from "../src/types";

type Tell = (data: Feed) => void;

const VIEW: Feed = { printers: {}, jobs: [] };

/* Keeps its subscriptions in `subscribed`; with `refuse` it answers as if the integration were not there. */
const makeConnection = () => {
  const listeners = new Set<() => void>();
  const connection = {
    subscribed: [] as { tell: Tell; message: { device_ids?: string[] }; stopped: boolean }[],
    refuse: false as boolean | object,
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    subscribeMessage: async (tell: Tell, message: object) => {
      if (connection.refuse) throw connection.refuse;
      const one = { tell, message, stopped: false };
      connection.subscribed.push(one);
      return async () => {
        one.stopped = true;
      };
    },
    reconnect: () => listeners.forEach((listener) => listener()),
  };
  return connection;
};

const makeFeed = (explain?: () => Promise<string>) => {
  const host = { isConnected: true, addController: () => undefined, requestUpdate: vi.fn() };
  const received = vi.fn();
  const feed = new FeedController(host as never, received, explain);
  return { feed, host, received };
};

beforeEach(() => void vi.useFakeTimers());

test("what is sent is kept and drawn; the same printers are not asked for twice", async () => {
  const { feed, host, received } = makeFeed();
  const connection = makeConnection();
  feed.follow(connection as never, ["a"]);
  feed.follow(connection as never, ["a"]);
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.subscribed.map(({ message }) => message.device_ids)).toEqual([["a"]]);
  connection.subscribed[0]?.tell(VIEW);
  expect(feed.data).toBe(VIEW);
  expect(received).toHaveBeenCalledWith(VIEW);
  expect(host.requestUpdate).toHaveBeenCalled();
});

test("other printers end the subscription to the first", async () => {
  const { feed } = makeFeed();
  const connection = makeConnection();
  feed.follow(connection as never, ["a"]);
  await vi.advanceTimersByTimeAsync(0);
  feed.follow(connection as never, []);
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.subscribed.map(({ stopped }) => stopped)).toEqual([true, false]);
  expect(connection.subscribed[1]?.message).not.toHaveProperty("device_ids");
  // Messages of the first subscription are ignored by now.
  connection.subscribed[0]?.tell(VIEW);
  expect(feed.data).toBeNull();
});

test("a missing integration is asked for again until it is there", async () => {
  const { feed } = makeFeed();
  const connection = makeConnection();
  connection.refuse = true;
  feed.follow(connection as never, []);
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.absent).toBe(true);
  connection.refuse = false;
  await vi.advanceTimersByTimeAsync(10_000);
  connection.subscribed[0]?.tell(VIEW);
  expect(feed.absent).toBe(false);
});

test("a new connection is subscribed to anew, and a removed card leaves nothing behind", async () => {
  const { feed } = makeFeed();
  const connection = makeConnection();
  feed.follow(connection as never, []);
  await vi.advanceTimersByTimeAsync(0);
  connection.reconnect();
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.subscribed).toHaveLength(2);
  feed.hostDisconnected();
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.subscribed[1]?.stopped).toBe(true);
  connection.reconnect();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(connection.subscribed).toHaveLength(2);
});

test("a refusal that says why is told", async () => {
  const { feed } = makeFeed(async () => "Too many lists.");
  const connection = makeConnection();
  connection.refuse = { translation_key: "too_many_subscriptions" };
  feed.follow(connection as never, []);
  await vi.advanceTimersByTimeAsync(0);
  expect([feed.absent, feed.problem]).toEqual([true, "Too many lists."]);
});
