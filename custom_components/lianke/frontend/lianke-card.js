import"./lianke-card-chunk-STTRZT4T.js";
