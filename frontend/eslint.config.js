import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { configs as lit } from "eslint-plugin-lit";
import { configs as wc } from "eslint-plugin-wc";
import tseslint from "typescript-eslint";

export default tseslint.config(
  js.configs.recommended,
  tseslint.configs.strict,
  wc["flat/recommended"],
  wc["flat/best-practice"],
  lit["flat/recommended"],
  prettier,
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      // The guarded registration in src/define.ts does what this rule asks for.
      "wc/guard-define-call": "off",
      "lit/no-native-attributes": "error",
      "lit/no-useless-template-literals": "error",
      "lit/prefer-static-styles": "error",
      "lit/quoted-expressions": ["error", "never"],
    },
  },
  { files: ["*.mjs"], languageOptions: { globals: { console: "readonly", process: "readonly" } } },
);
