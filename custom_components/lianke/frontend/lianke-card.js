import"./lianke-card-chunk-SVGB2KK3.js";
