/* The tests of the card's parts run in the Chromium that is installed. */
import { playwright } from "@vitest/browser-playwright";
import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: { ...(CHROMIUM && { executablePath: CHROMIUM }), args: ["--no-sandbox", "--disable-gpu"] },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});
