/* Entry point of the bundle: registers the dashboard card with Home Assistant. */
import "./card";
import "./shells";
import { CARD, suggestCard } from "./config";
import { lacksTexts, loadTraditional, pageStrings } from "./localize";
import type { HomeAssistant } from "./types";

interface CustomCard {
  type: string;
  name: string;
  description: string;
  preview: boolean;
  getEntitySuggestion(hass: HomeAssistant, entityId: string): unknown;
}

declare global {
  interface Window {
    customCards?: CustomCard[];
  }
}

const cards = (window.customCards ??= []);
const register = () => {
  if (cards.some(({ type }) => type === CARD)) return;
  const { card, card_about } = pageStrings();
  cards.push({ type: CARD, name: card, description: card_about, preview: true, getEntitySuggestion: suggestCard });
};
if (lacksTexts(document.documentElement.lang)) void loadTraditional().then(register);
else register();
