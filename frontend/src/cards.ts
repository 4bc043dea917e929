/* The cards that are on the page: guard.ts watches all of them. */
export const cardsOnPage = new Set<HTMLElement>();
