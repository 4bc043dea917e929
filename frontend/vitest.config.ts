/* The tests of the card's parts run in the Chromium on the path, else in Playwright's own. */
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

// Vitest would tell it by the whole of its configuration.
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
        // A desktop's Chromium knows no text size of the phone.
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
