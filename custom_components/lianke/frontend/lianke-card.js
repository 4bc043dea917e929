import"./lianke-card-chunk-FKIR777D.js";
