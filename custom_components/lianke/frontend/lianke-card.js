import"./lianke-card-chunk-MPQWGVIQ.js";
