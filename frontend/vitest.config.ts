/* The tests of the card's parts run in the Chromium on the path, otherwise in Playwright's own Chromium. */
import { playwright } from "@vitest/browser-playwright";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright";
import { configDefaults, defineConfig } from "vitest/config";

const FOLDERS = (process.env.PATH ?? "").split(delimiter);
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]
  .flatMap((name) => FOLDERS.map((folder) => join(folder, name)))
  .concat(chromium.executablePath())
  .find(existsSync);

// Without this check, Vitest's message about the missing browser would contain its whole configuration.
if (!CHROMIUM) {
  console.error("The card's tests need Chromium: there is none on the path.");
  process.exit(1);
}

const LAUNCH = { executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] };
const ON_PHONE = "test/text.test.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/patience.ts"],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: LAUNCH }),
      instances: [
        { browser: "chromium", exclude: [...configDefaults.exclude, ON_PHONE] },
        // Chromium applies a phone's text size only if it emulates a phone.
        {
          browser: "chromium",
          name: "phone",
          include: [ON_PHONE],
          provider: playwright({ launchOptions: LAUNCH, contextOptions: { isMobile: true, hasTouch: true } }),
        },
      ],
    },
  },
});
