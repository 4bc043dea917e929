import"./lianke-card-chunk-OKT4ICER.js";
