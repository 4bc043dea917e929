import"./lianke-card-chunk-ZI5HI3HT.js";
